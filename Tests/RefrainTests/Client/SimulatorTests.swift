import Refrain
import RefrainCore
import RefrainKeys
import RefrainSimulator
import RefrainTesting
import Testing

/// The client over real HTTP against the simulated Claude.
@Suite struct SimulatorTests {
    /// Runs `body` with a simulated Claude and a client of it.
    private func withClaude<Result: Sendable>(
        _ simulation: SimulatorConfiguration = SimulatorConfiguration(), policy: CachePolicy = CachePolicy(),
        promptCaching: PromptCaching = .automatic,
        _ body: (CachedClaude, SimulatorHandle) async throws -> Result
    ) async throws -> Result {
        try await Simulator.withServer(simulation) { simulator in
            let configuration = CachedClaude.Configuration(
                baseURL: simulator.baseURL, transport: CurlTransport(.init(proxy: .none)),
                time: TimeSource(
                    now: TimeSource.system.now, monotonicNanoseconds: TimeSource.system.monotonicNanoseconds,
                    sleep: { _ in try Task.checkCancellation() }
                )
            )
            let claude = try CachedClaude(
                apiKey: .key("sk-ant-test"), scope: .credential, policy: policy, promptCaching: promptCaching,
                configuration: configuration
            )
            do {
                let result = try await body(claude, simulator)
                await claude.shutdown()
                return result
            } catch {
                await claude.shutdown()
                throw error
            }
        }
    }

    private static func words(_ count: Int, seed: UInt64 = 0) -> String {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in String(UInt32.random(in: .min ... .max, using: &generator), radix: 36) }
            .joined(separator: " ")
    }

    @Test func aRepeatIsTheSameBytesAndNoUpstreamCall() async throws {
        try await self.withClaude { claude, simulator in
            let first = try await claude.messages.create(json: Wire.body("Tell me [[simulate words=50]]"))
            let again = try await claude.messages.create(json: Wire.body("Tell me [[simulate words=50]]"))
            #expect(first.cache == .miss(.absent))
            #expect(again.body == first.body)
            let streamed = try await claude.messages.stream(json: Wire.body("Tell me [[simulate words=50]]")).open()
            #expect(try await streamed.reply().body == first.body)
            #expect(simulator.statistics.messageCalls == 1)
            #expect((first.cost.spent ?? 0) > 0)
            #expect(again.cost.spent == 0)
            #expect((again.cost.saved ?? 0) > 0)
        }
    }

    @Test func aThousandIdenticalStreamingCallsAreOneUpstreamCall() async throws {
        let simulation = SimulatorConfiguration(latency: .milliseconds(500))
        try await self.withClaude(simulation) { claude, simulator in
            let body = Wire.body("All of you [[simulate words=100]]")
            let answers = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for _ in 0..<1_000 {
                    group.addTask { try await claude.messages.stream(json: body).open().reply().body }
                }
                return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
            }
            #expect(answers.count == 1)
            #expect(simulator.statistics.messageCalls == 1)
        }
    }

    @Test(arguments: ["claude-sonnet-5-5", "claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5"])
    func eachTurnReadsWhatTheTurnBeforeWrote(model: String) async throws {
        try await self.withClaude { claude, _ in
            var request = MessagesRequest(
                model: ClaudeModel(rawValue: model), maxTokens: 4_000,
                system: .text(Self.words(4_000)), messages: [],
                tools: [
                    .custom(name: "look_up", description: Self.words(300, seed: 1), inputSchema: ["type": "object"])
                ]
            )
            var before: Usage?
            for turn in 0..<10 {
                request.messages.append(.user("Question \(turn): \(Self.words(200, seed: UInt64(turn)))"))
                let reply = try await claude.messages.create(request)
                let usage = reply.message.usage
                if let before {
                    #expect(usage.cacheReadTokens == before.cacheReadTokens + before.cacheWrite5mTokens)
                    #expect(usage.cacheWrite5mTokens > 0)
                    // The conversation is marked to its end, so nothing is plain input.
                    #expect(usage.inputTokens == 0)
                } else {
                    #expect(usage.cacheReadTokens == 0)
                    #expect(usage.cacheWrite5mTokens > 4_000)
                    // A first turn may be the only one: its message is not marked.
                    #expect(usage.inputTokens > 0)
                }
                before = usage
                request.messages.append(.assistant(reply.message))
            }
        }
    }

    @Test func aTurnOfManyBlocksIsStillRead() async throws {
        try await self.withClaude { claude, _ in
            var request = MessagesRequest(
                model: "claude-sonnet-4-6", maxTokens: 100, system: .text(Self.words(2_000)), messages: [.user("Hi")]
            )
            request.messages.append(.assistant(try await claude.messages.create(request).message))
            request.messages.append(.user("Start"))
            let before = try await claude.messages.create(request)
            request.messages.append(.assistant(before.message))
            request.messages.append(.user((0..<60).map { .text("part \($0)") }))
            let reply = try await claude.messages.create(request)
            #expect(reply.raw.promptCaching?.marks.map(\.purpose) == [.system, .anchor, .intermediate, .conversation])
            let written = before.message.usage
            #expect(reply.message.usage.cacheReadTokens == written.cacheReadTokens + written.cacheWrite5mTokens)
        }
    }

    @Test func singleShotsShareTheirSystemPromptAndWriteNothingElse() async throws {
        try await self.withClaude { claude, _ in
            var written = 0
            for number in 0..<4 {
                let usage = try await claude.messages.create(
                    model: "claude-sonnet-4-6", maxTokens: 100, system: .text(Self.words(2_000)),
                    messages: [.user("Question \(number) \(Self.words(2_000, seed: UInt64(number)))")]
                ).message.usage
                if number == 0 { written = usage.cacheWrite5mTokens }
                #expect(written > 1_024)
                #expect(usage.cacheReadTokens == (number == 0 ? 0 : written))
                #expect(usage.cacheWrite5mTokens == (number == 0 ? written : 0))
            }
        }
    }

    @Test func marksLiveAsLongAsTheySay() async throws {
        for (promptCaching, wait, isRead) in [
            (PromptCaching.automatic, Duration.minutes(4), true), (.automatic, .minutes(6), false),
            (.automatic(ttl: .oneHour), .minutes(50), true), (.automatic(ttl: .oneHour), .minutes(70), false),
        ] {
            let clock = ManualClock()
            let simulation = SimulatorConfiguration(time: clock.time)
            try await self.withClaude(simulation, promptCaching: promptCaching) { claude, _ in
                func usage(_ prompt: String) async throws -> Usage {
                    try await claude.messages.create(
                        model: "claude-sonnet-4-6", maxTokens: 100, system: .text(Self.words(2_000)),
                        messages: [.user(prompt)]
                    ).message.usage
                }
                let first = try await usage("a")
                #expect((first.cacheWrite1hTokens > 0) == (promptCaching != .automatic))
                #expect((first.cacheWrite5mTokens > 0) == (promptCaching == .automatic))
                clock.advance(by: wait)
                let second = try await usage("b")
                #expect((second.cacheReadTokens > 0) == isRead)
            }
        }
    }

    /// Requests that break a rule as soon as a mark is put where a careless planner would put it.
    @Test(arguments: MarkedRequests.all)
    func theAPIAcceptsEveryMark(name: String) async throws {
        let body = try #require(MarkedRequests.body(name))
        try await self.withClaude(policy: CachePolicy(mode: .bypass)) { claude, _ in
            // The request is one that the API takes: without that, acceptance would mean nothing.
            _ = try await claude.messages.create(json: body, promptCaching: .off)
            for promptCaching in [PromptCaching.automatic, .automatic(ttl: .oneHour)] {
                let reply = try await claude.messages.create(json: body, promptCaching: promptCaching)
                #expect(reply.promptCaching?.marks.isEmpty == false)
            }
        }
    }

    @Test func anOverloadedAPIIsAskedAgain() async throws {
        try await self.withClaude { claude, simulator in
            simulator.inject(.first(2, .overloaded))
            _ = try await claude.messages.create(json: Wire.body())
            #expect(simulator.statistics.errors == [529: 2])
            simulator.inject(.first(3, .rateLimit(retryAfter: 1)))
            let error = await #expect(throws: ClaudeError.self) {
                try await claude.messages.create(json: Wire.body("Other"))
            }
            #expect(error?.status == 429 && error?.type == "rate_limit_error")
            #expect(error?.retryAfter == .seconds(1))
            #expect(error?.requestID?.hasPrefix("req_") == true)
        }
    }

    @Test(arguments: [
        Fault.truncate(afterEvents: 4), .cut(afterEvents: 4), .reset(afterEvents: 4), .errorEvent(afterEvents: 4),
    ])
    func aStreamThatBreaksThrowsAndIsNotStored(fault: Fault) async throws {
        try await self.withClaude { claude, simulator in
            simulator.inject(.first(1, fault))
            let body = Wire.body("Tell me [[simulate words=50]]")
            await #expect(throws: (any Error).self) {
                for try await _ in claude.messages.stream(json: body) {}
            }
            #expect(claude.messages.cached(json: body) == nil)
            let reply = try await claude.messages.stream(json: body).open().reply()
            #expect(try Message(json: reply.body).stopReason == .endTurn)
            #expect(simulator.statistics.messageCalls == 2)
        }
    }

    @Test func tokensAreCounted() async throws {
        try await self.withClaude { claude, simulator in
            let request = MessagesRequest(
                model: "claude-sonnet-4-6", maxTokens: 9, messages: [.user("Hello there")], stopSequences: ["x"]
            )
            let count = try await claude.messages.countTokens(request)
            #expect(count > 0)
            #expect(simulator.statistics.countTokensCalls == 1)
        }
    }
}

/// Requests with something in them that must not carry a mark.
enum MarkedRequests {
    static let all = Self.requests.map(\.name)

    static func body(_ name: String) -> [UInt8]? { Self.requests.first { $0.name == name }?.tree.bytes }

    private static let long = String(repeating: "word ", count: 3_000)

    private static func request(_ messages: [RequestTree], more: [RequestTree.Member] = []) -> RequestTree {
        .object(
            [
                .init(name: "model", value: "claude-opus-4-8"), .init(name: "max_tokens", value: 3_000),
                .init(name: "messages", value: .array(messages)),
            ] + more
        )
    }

    private static func message(_ role: String, _ content: RequestTree) -> RequestTree {
        .members(["role": .string(role), "content": content])
    }

    private static let turns = [message("user", .string(long)), message("assistant", "Yes.")]

    private static let toolUse: RequestTree = .members([
        "type": "tool_use", "id": "toolu_1", "name": "t", "input": .members(["cache_control": "x"]),
    ])

    private static let tools: RequestTree.Member = .init(
        name: "tools",
        value: [
            .members(["name": "t", "description": .string(long), "input_schema": .members(["type": "object"])]),
            .members(["type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"]),
            .members(["name": "d", "input_schema": .members(["type": "object"]), "defer_loading": true]),
        ]
    )

    private static let requests: [(name: String, tree: RequestTree)] = [
        ("a system string", request([message("user", "x")], more: [.init(name: "system", value: .string(long))])),
        ("deferred tools", request([message("user", "x")], more: [tools])),
        (
            "a conversation of strings",
            request(turns + [message("user", "And?")], more: [.init(name: "system", value: .string(long)), tools])
        ),
        (
            "a tool's result at the end",
            request(
                [
                    message("user", .string(long)), message("assistant", [toolUse]),
                    message(
                        "user",
                        [
                            .members([
                                "type": "tool_result", "tool_use_id": "toolu_1",
                                "content": [.members(["type": "text", "text": "r"])],
                            ])
                        ]
                    ),
                ], more: [tools]
            )
        ),
        (
            "four marks and many blocks",
            request(
                turns + [message("user", .array((0..<50).map { .text("part \($0)") }))],
                more: [.init(name: "system", value: [.text(long)]), tools]
            )
        ),
        (
            "a system message at the end",
            request(turns + [message("user", "And?"), message("system", "Be brief.")])
        ),
        (
            "thinking at the end of a turn",
            request(
                [
                    message("user", .string(long)),
                    message(
                        "assistant",
                        [
                            .text("Yes."),
                            .members(["type": "redacted_thinking", "data": "ZGF0YQ=="]),
                        ]
                    ),
                    message("user", "And?"),
                ]
            )
        ),
        (
            "a null mark",
            request([
                message("user", .string(long)), message("assistant", "Yes."),
                message(
                    "user", [.members(["cache_control": .literal("null"), "type": "text", "text": "And?"])]
                ),
            ])
        ),
    ]
}
