import RefrainBench
import Testing

@Suite("Public traces") struct PublicTraceTests {
    @Test("A set that is not there: the error says where to get it", arguments: PublicTrace.all.map(\.name))
    func missing(_ name: String) throws {
        let set = try PublicTrace.named(name)
        let error = #expect(throws: BenchError.self) { try set.read(folder: "/nowhere") }
        #expect(error?.code == .missingData)
        #expect(error?.message.contains("https://github.com/") == true)
        #expect(error?.message.contains(set.file) == true)
    }

    @Test("An unknown name: the error says which there are")
    func unknown() {
        let error = #expect(throws: BenchError.self) { try PublicTrace.named("nothing") }
        #expect(error?.message.contains("mooncake") == true)
    }

    @Test("The recorded streams that are not there")
    func missingStreams() {
        let error = #expect(throws: BenchError.self) { try RecordedStreams.read(folder: "/nowhere") }
        #expect(error?.message.contains("https://github.com/vercel/ai") == true)
    }

    @Test(
        "The sets are read whole", .enabled(if: RecordedTraces.isThere, "the public traces are not here"),
        arguments: [
            ("mooncake", 12_031), ("azure-code", 8_819), ("magagent", 746), ("tracelab", 19), ("cassettes", 769),
        ])
    func counts(_ name: String, _ count: Int) throws {
        let trace = try RecordedTraces.read(try PublicTrace.named(name))
        #expect(trace.requests.count == count)
        #expect(trace.inputTokens > 0)
        #expect(zip(trace.requests, trace.requests.dropFirst()).allSatisfy { $0.time <= $1.time })
    }

    @Test(
        "The large sets are read whole",
        .enabled(if: RecordedTraces.allFigures, "the public traces are not here, or REFRAIN_FIGURES is not 1"),
        arguments: [
            ("miniswe", 320), ("cookbook", 737), ("tau-airline", 1_229), ("bfcl-live", 1_991),
            ("claude-code", 36_621), ("openhands", 3_841), ("few-shot-bbh", 10_022), ("tree-of-thought", 18_832),
            ("naive-samples", 10_000),
        ])
    func largeCounts(_ name: String, _ count: Int) throws {
        #expect(try RecordedTraces.read(try PublicTrace.named(name)).requests.count == count)
    }

    @Test("Recorded streams", .enabled(if: RecordedTraces.isThere, "the public traces are not here"))
    func streams() throws {
        let streams = try RecordedStreams.read(folder: RecordedTraces.folder ?? "")
        #expect(streams.count > 30)
        #expect(streams.allSatisfy { $0.bytes.starts(with: "event: ".utf8) })
    }
}
