import Refrain

// The samples of the documents. They are compiled, not run: they would spend money. ``ReadmeSampleTests`` sees that they
// are the documents' own text.

func readmeSample() async throws {
    // README.md
    let claude = try CachedClaude(
        apiKey: .environment,  // ANTHROPIC_API_KEY
        scope: .credential,  // who shares answers: never implied; or .shared("team")
        memory: .megabytes(256),
        policy: .init(ttl: .days(7)),
        promptCaching: .automatic
    )
    let reply = try await claude.messages.create(
        model: .sonnet, maxTokens: 1024, system: "Be brief.", messages: [.user("What is a quokka?")]
    )
    print(reply.message.text, reply.cache, reply.cost)

    for try await event in claude.messages.stream(
        model: .sonnet, maxTokens: 1024, messages: [.user("And a numbat?")]
    ) {
        if case .contentBlockDelta(_, .text(let text)) = event { print(text, terminator: "") }
    }
    // end
}

func reportSample(_ claude: CachedClaude, _ request: MessagesRequest) async throws {
    // docs/prompt-caching.md
    let reply = try await claude.messages.create(request)
    for mark in reply.raw.promptCaching?.marks ?? [] { print(mark.purpose, mark.path, mark.estimatedTokens) }
    for left in reply.raw.promptCaching?.omissions ?? [] { print(left.purpose, left.reason) }
    print(reply.message.usage.cacheReadTokens, reply.cost.spent as Any)
    // end
}

func plannerSample(_ requestBytes: [UInt8]) {
    // docs/prompt-caching.md
    let (body, plan) = PromptCachePlanner(.automatic).apply(to: requestBytes)
    // end
    print(body.count, plan.marks.count)
}
