import ArgumentParser
import RefrainBench
import RefrainCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain bench latency`.
struct LatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Measure what keys, hits, streams, envelopes, Redis and the gateway take, beside references.",
        discussion: """
            Everything runs in this process, on made-up requests and answers. The gateway listens on a free port of this \
            machine. Redis is measured where --redis names one: a few entries are written into the namespace \
            refrain-bench and removed again.
            """)

    @Option(help: ArgumentHelp("How long each operation is measured, with its reference.", valueName: "duration"))
    var duration = HumanDuration(.milliseconds(500))

    @Option(
        help: ArgumentHelp(
            "What to measure, of \(LatencyCase.Part.allCases.map(\.rawValue).joined(separator: ", ")), threads; "
                + "without it, everything.", valueName: "list"))
    var only: ListArgument<PartArgument>?

    @Option(help: ArgumentHelp("A Redis: redis://, rediss:// or unix://. (default: none)", valueName: "url"))
    var redis: String?

    @OptionGroup var output: BenchOutput

    func validate() throws {
        guard self.duration.duration >= .milliseconds(1), self.duration.duration <= .minutes(10) else {
            throw ValidationError("--duration must be from 1ms to 10m")
        }
        if self.redis == nil, self.only?.elements.contains(.part(.redis)) == true {
            throw ValidationError("--only redis needs --redis URL")
        }
    }

    func run() async throws {
        let bench = LatencyBench(duration: self.duration.duration)
        var outcomes: [LatencyBench.Outcome] = []
        let wanted = { (part: LatencyCase.Part) in self.only?.elements.contains(.part(part)) ?? true }
        let cases = try await LatencyCase.inProcess().filter { wanted($0.part) }
        var progress = LatencyProgress(total: cases.count)
        for measured in cases { outcomes.append(try await progress.run(measured, bench)) }
        if let place = try self.place(), wanted(.redis) {
            try await place.withStore { store in
                try await LatencyCase.withEntries(in: store) { cases in
                    progress.total += cases.count
                    for measured in cases { outcomes.append(try await progress.run(measured, bench)) }
                }
            }
        }
        if wanted(.gateway) {
            try await LatencyCase.withGateway { cases in
                progress.total += cases.count
                for measured in cases { outcomes.append(try await progress.run(measured, bench)) }
            }
        }
        progress.clear()
        let measuresThreads = self.only?.elements.contains(.threads) ?? true
        let scaling = measuresThreads ? try await ThreadScaling.hits(duration: bench.duration * 4) : []
        try self.output.show(BenchReport(latency: outcomes, scaling: scaling, bench: bench))
    }

    private func place() throws -> RedisArguments.Place? {
        guard let redis else { return nil }
        return try RedisArguments.Place(url: redis, namespace: "refrain-bench")
    }
}

/// One word of `--only`.
enum PartArgument: ExpressibleByArgument, Hashable {
    case part(LatencyCase.Part)
    case threads

    init?(argument: String) {
        if argument == "threads" {
            self = .threads
        } else if let part = LatencyCase.Part(rawValue: argument) {
            self = .part(part)
        } else {
            return nil
        }
    }
}

/// Says what is being measured, where a person looks on.
private struct LatencyProgress {
    private var bar = ProgressBar()

    /// How much there is to measure.
    var total: Int {
        get { self.bar.total ?? 0 }
        set { self.bar.total = newValue }
    }

    init(total: Int) { self.bar.total = total }

    mutating func run(_ measured: LatencyCase, _ bench: LatencyBench) async throws -> LatencyBench.Outcome {
        if Terminal.isInteractive {
            Terminal.status("\r\(self.bar.rendered(width: Terminal.width - 1))  \(measured.name)\u{1B}[K")
        }
        defer { self.bar.done += 1 }
        return try await bench.run(measured)
    }

    func clear() {
        if Terminal.isInteractive { Terminal.status("\r\u{1B}[K") }
    }
}
