import Refrain
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@Suite struct ClientFailureTests {
    @Test func aRefusedCredentialIsNotEverybodysInASharedScope() async throws {
        let gate = Gate()
        let transport = ScriptedTransport { request, _ throws(TransportError) in
            guard request.header("x-api-key") == "revoked" else { return Wire.response(to: request, Wire.message()) }
            do { try await gate.wait() } catch {}
            return Wire.error(401, "authentication_error")
        }
        let cache = ResponseCache(memory: MemoryStore(.init(bytes: 16 << 20)))
        func client(_ key: String) throws -> CachedClaude {
            try CachedClaude.scripted(transport, key: key, scope: .shared("team"), cache: cache) { $0.retry = .never }
        }
        let (revoked, good) = (try client("revoked"), try client("good"))
        let first = Task { try await revoked.messages.create(json: Wire.body()) }
        while transport.requests.isEmpty { await Task.yield() }
        let second = Task { try await good.messages.create(json: Wire.body()) }
        while cache.statistics.inFlightBytes < 2 * Wire.body().count { await Task.yield() }
        gate.open()
        await #expect(throws: ClaudeError.self) { try await first.value }
        #expect(try await second.value.body == Wire.message(), "it calls with its own credential")
    }

    @Test func anErrorOfTheAPIIsTyped() async throws {
        let transport = ScriptedTransport { _, _ in
            Wire.error(429, "rate_limit_error", headers: [HTTPHeader("retry-after", "7")])
        }
        let claude = try CachedClaude.scripted(transport) { $0.retry = .never }
        for isStreaming in [false, true] {
            let error = await #expect(throws: ClaudeError.self) {
                if isStreaming {
                    for try await _ in claude.messages.stream(json: Wire.body()) {}
                } else {
                    _ = try await claude.messages.create(json: Wire.body())
                }
            }
            #expect(error?.status == 429)
            #expect(error?.type == "rate_limit_error")
            #expect(error?.message == "No.")
            #expect(error?.requestID == "req_1")
            #expect(error?.retryAfter == .seconds(7))
        }
        let tokens = await #expect(throws: ClaudeError.self) {
            try await claude.messages.countTokens(json: Wire.body())
        }
        #expect(tokens?.status == 429)
    }

    @Test func anOverloadedAPIIsAskedAgain() async throws {
        let transport = ScriptedTransport { request, number in
            number < 3 ? Wire.error(529, "overloaded_error") : Wire.response(to: request, Wire.message())
        }
        let claude = try CachedClaude.scripted(transport)
        #expect(try await claude.messages.create(json: Wire.body()).body == Wire.message())
        #expect(transport.requests.count == 3)
    }

    @Test func aPlainAnswerThatWasCutShortIsAskedForAgain() async throws {
        let transport = ScriptedTransport { request, number in
            guard number == 1 else { return Wire.response(to: request, Wire.message()) }
            let chunks = Locked<[UInt8]?>(Array(#"{"id":"#.utf8))
            return HTTPResponse(
                status: 200, headers: [HTTPHeader("content-type", "application/json")],
                body: ByteStream {
                    if let chunk = chunks.withLock({ $0.take() }) { return chunk }
                    throw TransportError(.truncated, during: .body, "cut")
                }
            )
        }
        let claude = try CachedClaude.scripted(transport)
        #expect(try await claude.messages.create(json: Wire.body()).body == Wire.message())
        #expect(transport.requests.count == 2)
    }

    @Test func aTransportErrorReachesTheCaller() async throws {
        let transport = ScriptedTransport { _, _ throws(TransportError) in
            throw TransportError(.connect, during: .connect, "refused")
        }
        let claude = try CachedClaude.scripted(transport)
        let error = await #expect(throws: TransportError.self) {
            try await claude.messages.create(json: Wire.body())
        }
        #expect(error?.code == .connect)
        #expect(transport.requests.count == 3)
    }

    /// Every event at which a stream can end too early; with and without a failure of the transport.
    @Test(arguments: 0..<7, [false, true])
    func aStreamCutShortThrowsAndIsNotStored(after count: Int, fails: Bool) async throws {
        let events = Wire.stream(of: Wire.message())
        #expect(events.count == 6 || count < events.count)
        let transport = ScriptedTransport { _, _ in
            let remaining = Locked(events.prefix(min(count, events.count - 1))[...])
            return HTTPResponse(
                status: 200, headers: [HTTPHeader("content-type", "text/event-stream")],
                body: ByteStream {
                    if let event = remaining.withLock({ $0.popFirst() }) { return event }
                    if fails { throw TransportError(.truncated, during: .body, "cut") }
                    return nil
                }
            )
        }
        let claude = try CachedClaude.scripted(transport) { $0.retry = .never }
        for body in [Wire.body(), Wire.body(more: #","container":"c""#)] {
            var seen = 0
            await #expect(throws: (any Error).self) {
                for try await event in claude.messages.stream(json: body) where event.name != "error" { seen += 1 }
            }
            #expect(seen == min(count, events.count - 1))
            await #expect(throws: (any Error).self) {
                for try await _ in claude.messages.stream(try MessagesRequest(json: body)) {}
            }
            await #expect(throws: (any Error).self) { try await claude.messages.stream(json: body).open().reply() }
        }
        #expect(claude.messages.cached(json: Wire.body()) == nil)
    }

    @Test func anErrorEventIsThrownWithItsType() async throws {
        let error = ServerSentEvent(
            name: "error",
            data: Array(#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#.utf8)
        )
        let transport = ScriptedTransport { _, _ in
            Wire.events(Array(Wire.stream(of: Wire.message()).prefix(3)) + [error.raw])
        }
        let claude = try CachedClaude.scripted(transport)
        var names: [String] = []
        let raw = await #expect(throws: ClaudeError.self) {
            for try await event in claude.messages.stream(json: Wire.body()) { names.append(event.name ?? "") }
        }
        #expect(raw?.type == "overloaded_error" && raw?.status == nil)
        // Bytes are relayed with the error in them; events are not given it as an event.
        #expect(names.last == "error")
        var last: StreamEvent?
        let typed = await #expect(throws: ClaudeError.self) {
            for try await event in claude.messages.stream(model: .sonnet, maxTokens: 9, messages: [.user("x")]) {
                last = event
            }
        }
        #expect(typed?.type == "overloaded_error")
        if case .error? = last { Issue.record("the error was an event") }
        #expect(claude.messages.cached(json: Wire.body()) == nil)
    }

    @Test(arguments: [false, true]) func aCancelledCallThrowsAndLetsGo(isStreaming: Bool) async throws {
        let (asked, askedContinuation) = AsyncStream.makeStream(of: Void.self)
        let (ended, endedContinuation) = AsyncStream.makeStream(of: Void.self)
        let transport = ScriptedTransport { _, _ throws(TransportError) in
            askedContinuation.yield()
            // Returns when the task is cancelled, since nothing is ever yielded.
            for await _ in AsyncStream<Void>.makeStream().stream {}
            endedContinuation.yield()
            throw TransportError(.cancelled, during: .firstByte, "cancelled")
        }
        let claude = try CachedClaude.scripted(transport, policy: CachePolicy(onAbandon: .cancel))
        let task = Task {
            if isStreaming {
                for try await _ in claude.messages.stream(json: Wire.body()) {}
            } else {
                _ = try await claude.messages.create(json: Wire.body())
            }
        }
        for await _ in asked { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for await _ in ended { break }
    }

    @Test func callsAfterShutdownFail() async throws {
        let claude = try CachedClaude.scripted(ScriptedTransport())
        await claude.shutdown()
        await #expect(throws: CacheError.self) { try await claude.messages.create(json: Wire.body()) }
    }
}
