#if os(Linux)
    import RefrainBench
    import RefrainCore
    import RefrainKeys
    import TestSupport
    import Testing

    /// By how much the process grows beside the store's bound after a million inserts of answers as long as recorded ones.
    /// In a process of its own: freed memory of other tests would be used again. Run with `REFRAIN_FIGURES=1`, in release.
    @Suite(.enabled(if: RecordedTraces.allFigures, "wants REFRAIN_FIGURES=1 and the public traces"))
    struct ResidentMemoryFigures {
        @Test(arguments: [256, 512]) func aMillionInserts(megabytes: Int) async throws {
            let result = await #expect(
                processExitsWith: .success, observing: [\.standardOutputContent]
            ) { [megabytes] in
                let sizes = try RecordedTraces.read(.cassettes).requests.compactMap { request -> Int? in
                    guard case .message(let body) = request.answer else { return nil }
                    return body.count
                }
                try #require(sizes.count > 100)
                let bound = megabytes << 20
                let store = MemoryStore(.init(bytes: bound))
                let generation = store.generation()
                let now = TimeSource.system.now()
                let before = try ResidentMemory.bytes()
                for number in 0..<1_000_000 {
                    // What a real answer brings along, besides its body.
                    let envelope = Envelope(
                        key: RequestKey(memoizing: "\(number)", in: "figures"), form: .message, created: now,
                        freshUntil: now.advanced(by: .days(7)), staleUntil: now.advanced(by: .days(7)),
                        generation: generation, labels: [.model("claude-sonnet-4-5")],
                        details: .init(
                            requestedModel: "claude-sonnet-4-5", answeringModel: "claude-sonnet-4-5-20250929"),
                        headers: [HTTPHeader("request-id", "req_0123456789abcdef\(number)")],
                        body: [UInt8](repeating: 1, count: sizes[number % sizes.count]))
                    store.insert(envelope, now: now)
                }
                let grown = try ResidentMemory.bytes() - before
                let statistics = store.statistics()
                print(
                    "bound \(megabytes) MiB: \(statistics.entries) entries accounted as \(statistics.bytes >> 20) MiB, "
                        + "the process grew by \(grown >> 20) MiB, \(Double(grown) / Double(bound)) of the bound")
                #expect(grown <= bound * 5 / 4)
            }
            print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
        }
    }
#endif
