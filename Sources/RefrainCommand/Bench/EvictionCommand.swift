import ArgumentParser
import RefrainBench
import RefrainCore

/// `refrain bench eviction`.
struct EvictionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eviction",
        abstract: "Compare eviction policies on hit ratio, byte hit ratio and money saved.",
        discussion: """
            Without --traces it runs the generated workloads. With it, also the public traces of keys in FOLDER/eviction and \
            the recorded requests in FOLDER/llm; what is not there is named, and left out.
            """)

    @Option(help: ArgumentHelp("The folder that holds the public sets.", valueName: "folder"))
    var traces: String?

    @Option(help: ArgumentHelp("Capacities in per cent of what all keys take, as in 1,5,10,25,50.", valueName: "list"))
    var capacities: ListArgument<Double>?

    @Option(help: ArgumentHelp("Requests of each generated workload.", valueName: "n"))
    var requests = 200_000

    @Option(help: ArgumentHelp("Which of all generated workloads of a name.", valueName: "n"))
    var seed: UInt64 = 1

    @OptionGroup var output: BenchOutput

    func validate() throws {
        guard (1_000...10_000_000).contains(self.requests) else {
            throw ValidationError("--requests must be from 1000 to 10000000")
        }
        guard (self.capacities?.elements ?? []).allSatisfy({ $0 > 0 && $0 <= 100 }) else {
            throw ValidationError("--capacities must be above 0 and at most 100")
        }
    }

    func run() async throws {
        let shares = (self.capacities?.elements ?? [10]).map { $0 / 100 }
        var recorded: [EvictionTrace] = []
        var priced: [EvictionTrace] = []
        if let traces {
            for file in EvictionTraceFile.all {
                if let trace = self.optional({ () throws(BenchError) in try file.read(folder: "\(traces)/eviction") }) {
                    recorded.append(trace)
                }
            }
            for workload in RecordedWorkload.allCases {
                if let trace = self.optional({ () throws(BenchError) in try workload.read(folder: "\(traces)/llm") }) {
                    priced.append(trace)
                }
            }
        }
        priced += EvictionWorkload.allCases.map { $0.trace(requests: self.requests, seed: self.seed) }
        let report = BenchReport(
            eviction: EvictionBench.run(traces: recorded, shares: shares),
            priced: EvictionBench.run(traces: priced, shares: shares))
        try self.output.show(report)
    }

    /// What is not there is said, and left out.
    private func optional(_ read: () throws(BenchError) -> EvictionTrace) -> EvictionTrace? {
        do throws(BenchError) {
            return try read()
        } catch {
            Terminal.complain(error.message)
            return nil
        }
    }
}
