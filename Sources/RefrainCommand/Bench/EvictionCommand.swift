import ArgumentParser
import RefrainBench
import RefrainCore

/// `refrain bench eviction`.
struct EvictionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eviction",
        abstract: "Compare eviction policies on hit ratio, byte hit ratio and money saved.",
        discussion: """
            With a TRACE, on its requests in their order: an answer has the size and the price that it had the first time, \
            requests that are not cached are left out, and nothing expires.
            Without one, on patterns of keys that are generated for the purpose, --requests long, some of which have names \
            that traces have too. With --traces, also on the public traces of keys in FOLDER/eviction and some of the \
            requests in FOLDER/llm; what is not there is named, and left out.
            """)

    @OptionGroup var input: TraceArguments

    @Option(help: ArgumentHelp("Capacities in per cent of what all keys take, as in 1,5,10,25,50.", valueName: "list"))
    var capacities: ListArgument<Double>?

    @Option(
        help: ArgumentHelp("Requests of each generated pattern, without a TRACE; by default 200000.", valueName: "n"))
    var requests: Int?

    @OptionGroup var output: BenchOutput

    func validate() throws {
        if let requests {
            guard self.input.trace.isEmpty else {
                throw ValidationError(
                    "--requests is for what runs without a TRACE; generated ones are scaled by --scale")
            }
            guard (1_000...10_000_000).contains(requests) else {
                throw ValidationError("--requests must be from 1000 to 10000000")
            }
        } else if self.input.trace.isEmpty, self.input.scale != 1 {
            throw ValidationError("--scale is for a TRACE; what runs without one is --requests long")
        }
        guard (self.capacities?.elements ?? []).allSatisfy({ $0 > 0 && $0 <= 100 }) else {
            throw ValidationError("--capacities must be above 0 and at most 100")
        }
    }

    func run() async throws {
        let shares = (self.capacities?.elements ?? [10]).map { $0 / 100 }
        guard self.input.trace.isEmpty else {
            var rows: [EvictionBench.Row] = []
            try await self.input.forEach { trace in
                rows += EvictionBench.run(traces: [try EvictionTrace(trace)], shares: shares)
            }
            return try self.output.show(BenchReport(eviction: [], priced: rows))
        }
        var recorded: [EvictionTrace] = []
        var priced: [EvictionTrace] = []
        if let traces = self.input.traces {
            for file in EvictionTraceFile.all {
                if let trace = self.optional({ () throws(BenchError) in try file.read(folder: "\(traces)/eviction") }) {
                    recorded.append(trace)
                }
            }
            for workload in RecordedWorkload.allCases {
                if let trace = self.optional({ () throws(BenchError) in try workload.read(folder: traces) }) {
                    priced.append(trace)
                }
            }
        }
        priced += EvictionWorkload.allCases.map { $0.trace(requests: self.requests ?? 200_000, seed: self.input.seed) }
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
