import RefrainCore
import Testing

@testable import RefrainBench

/// Each case does what it says: its operation checks its own results, so that it runs is that it is right.
@Suite struct LatencyCaseTests {
    @Test func everyCaseRuns() async throws {
        let cases = try await LatencyCase.inProcess()
        #expect(Set(cases.map(\.name)).count == cases.count)
        #expect(Set(cases.map(\.part)) == Set(LatencyCase.Part.allCases).subtracting([.redis, .gateway]))
        for measured in cases {
            do {
                try await measured.operation(3)
                try await measured.reference?.operation(3)
            } catch {
                Issue.record("\(measured.name): \(error)")
            }
        }
    }

    /// The sizes in the names are those of the bytes.
    @Test(arguments: SampleRequest.allCases, [1, 4, 16, 100, 1_024])
    func bodiesAreAsLongAsTheySay(kind: SampleRequest, kilobytes: Int) throws {
        let body = kind.body(bytes: kilobytes << 10)
        #expect(body.count == kilobytes << 10)
        #expect(throws: Never.self) { try JSONValue(body) }
    }

    @Test(arguments: [1_024, 2_048, 65_536])
    func messagesAreAsLongAsTheySay(bytes: Int) { #expect(SampleAnswer.message(bytes: bytes).count == bytes) }

    @Test func noiseIsTheSameEachTimeAndUsesEachByteAlike() {
        let noise = SampleAnswer.noise(bytes: 65_536)
        #expect(noise.count == 65_536 && noise == SampleAnswer.noise(bytes: 65_536))
        var counts = [Int](repeating: 0, count: 256)
        for byte in noise { counts[Int(byte)] += 1 }
        #expect(counts.allSatisfy { (128...512).contains($0) })
    }

    @Test func onlyWhatIsWantedIsMade() async throws {
        #expect(try await LatencyCase.inProcess([.streams]).allSatisfy { $0.part == .streams })
        #expect(try await LatencyCase.inProcess([.redis, .gateway]).isEmpty)
    }

    /// What the case counts as joins are joins to the cache too, and whoever came too late for one is not among them.
    @Test func joinsAreJoins() async throws {
        let cache = ResponseCache(memory: MemoryStore())
        let message = SampleAnswer.message(bytes: 1_024)
        let joins = try await LatencyCase.joins(of: 16, 1, in: cache, message)
        let statistics = cache.statistics
        #expect(statistics.joined == joins && statistics.misses == 1 && statistics.upstreamCalls == 1)
        #expect(statistics.memoryHits == 15 - joins)
        await #expect(throws: BenchError.self) {
            // The answer is there already.
            _ = try await LatencyCase.joins(of: 16, 1, in: cache, message)
        }
    }

    @Test func theReportHasASectionForEachPartAndTheThreads() async throws {
        let bench = LatencyBench(duration: .milliseconds(1))
        var outcomes: [LatencyBench.Outcome] = []
        for measured in try await LatencyCase.inProcess() { outcomes.append(try await bench.run(measured)) }
        let scaling = try await ThreadScaling.hits(duration: .milliseconds(2), processors: 2)
        let report = BenchReport(latency: outcomes, scaling: scaling, bench: bench)
        #expect(report.sections.count == Set(outcomes.map(\.measured.part)).count + 1)
        #expect(report.sections.map(\.table.rows.count).reduce(0, +) == outcomes.count + scaling.count)
        let text = report.text(width: 200)
        #expect(text.contains("1.6 x reference + 300 ns at most") && text.contains("hit from bytes"))
        #expect(report.html.contains("Distribution of times, keys"))
        let sections = report.sections.map { JSONValue.object($0.json)["rows"]?.array ?? [] }
        for row in sections.dropLast().joined() {
            // What is no finite number is null in JSON.
            #expect((row["p50_ns"]?.double ?? 0) > 0, "\(row)")
            #expect(row["reference"] == .null || (row["ratio"]?.double ?? 0) > 0, "\(row)")
        }
        #expect(sections.last?.count == 2)
        #expect(scaling.allSatisfy { $0.one > 0 && $0.two > 0 })
    }

    @Test func oneProcessorCannotScale() async throws {
        let scaling = try await ThreadScaling.hits(duration: .seconds(600), processors: 1)
        #expect(scaling.isEmpty)
        let report = BenchReport(latency: [], scaling: scaling, bench: LatencyBench())
        #expect(report.sections.map(\.title) == ["Two threads"])
        #expect(report.sections.first?.table.rows.isEmpty == true && report.text().contains("Not measured"))
        #expect(BenchReport(latency: [], scaling: nil, bench: LatencyBench()).sections.isEmpty)
    }

    @Test func threadsThatTakeTurnsDoNoMoreThanOne() {
        typealias Work = ThreadScaling.Work
        let first = Work(done: 500, start: 0, end: 1_000)
        #expect(Work.rate([first]) == 5e8)
        #expect(Work.rate([first, Work(done: 500, start: 1_000, end: 2_000)]) == 5e8)
        #expect(Work.rate([first, Work(done: 500, start: 0, end: 1_000)]) == 1e9)
        #expect(Work.rate([]) == 0 && Work.rate([Work(done: 1, start: 7, end: 7)]) == 0)
    }

    @Test(
        arguments: [
            ("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n", 2), ("Cpus_allowed:\t1\n", 1),
            ("Cpus_allowed:\tff,00000001\n", 9), ("Cpus_allowed_list:\t0\n", nil), ("", nil),
        ] as [(String, Int?)])
    func processorsAreThoseThatAreAllowed(status: String, count: Int?) {
        #expect(Processors.allowed(in: status) == count)
        #expect(Processors.available >= 1)
    }
}
