import ArgumentParser
import RefrainBench
import RefrainCore
import RefrainRedis

/// `refrain bench latency`.
struct LatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Measure what keys, hits, streams, envelopes, Redis and the gateway take, beside references.",
        discussion: """
            Everything runs in this process, on made-up requests and answers. The gateway listens on a free port of this \
            machine. Redis is measured where --redis names one, first of all: a few entries are written into a namespace whose \
            name is drawn at random, and all of it is removed again.
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
        // Drawn at random, so that two benches at once leave each other's entries alone.
        let namespace = "refrain-bench-" + String(UInt64.random(in: .min ... .max), radix: 16)
        let place = try self.redis.map { try RedisArguments.Place(url: $0, namespace: namespace) }
        let (outcomes, scaling) = try await self.measure(bench, place)
        try self.output.show(BenchReport(latency: outcomes, scaling: scaling, bench: bench))
    }

    private func measure(
        _ bench: LatencyBench, _ place: RedisArguments.Place?
    ) async throws -> ([LatencyBench.Outcome], [ThreadScaling]?) {
        var parts = LatencyCase.Part.allCases.filter { self.wants(.part($0)) && ($0 != .redis || place != nil) }
        // Redis first, for it may not be there: then nothing has been measured in vain. The report has an order of its own.
        if let index = parts.firstIndex(of: .redis) { parts.insert(parts.remove(at: index), at: 0) }
        var progress = BenchProgress(total: parts.count + (self.wants(.threads) ? 1 : 0))
        defer { progress.clear() }
        var outcomes: [LatencyBench.Outcome] = []
        func run(_ cases: [LatencyCase]) async throws {
            for measured in cases {
                progress.show(measured.name)
                outcomes.append(try await bench.run(measured))
            }
        }
        for part in parts {
            progress.show(part.rawValue)
            switch part {
            case .redis:
                try await place?.withStore { store in
                    do {
                        try await LatencyCase.withEntries(in: store, measuredFor: bench.duration) { try await run($0) }
                    } catch {
                        // What went wrong first is what is said.
                        try? await store.discard()
                        throw error
                    }
                    try await store.discard()
                }
            case .gateway: try await LatencyCase.withGateway { try await run($0) }
            default: try await run(LatencyCase.inProcess([part]))
            }
            progress.advance()
        }
        guard self.wants(.threads) else { return (outcomes, nil) }
        progress.show("two threads")
        return (outcomes, try await ThreadScaling.hits(duration: bench.duration * 4))
    }

    private func wants(_ part: PartArgument) -> Bool { self.only?.elements.contains(part) ?? true }
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
