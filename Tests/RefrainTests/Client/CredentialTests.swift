import Logging
import Refrain
import RefrainCore
import RefrainKeys
import Testing

@Suite struct CredentialTests {
    private func client(
        _ credential: ClaudeCredential = .environment, scope: CachedClaude.Sharing = .credential,
        _ variables: [String: String] = [:], transport: ScriptedTransport = ScriptedTransport(),
        configure: (inout CachedClaude.Configuration) -> Void = { _ in }
    ) throws(ClientConfigurationError) -> CachedClaude {
        var configuration = CachedClaude.Configuration(transport: transport, environment: { variables[$0] })
        configure(&configuration)
        return try CachedClaude(apiKey: credential, scope: scope, configuration: configuration)
    }

    @Test func theEnvironmentIsReadAsTheSDKsDo() async throws {
        func sent(_ variables: [String: String]) async throws -> (url: String, credential: String?) {
            let transport = ScriptedTransport()
            _ = try await self.client(.environment, variables, transport: transport)
                .messages.create(json: Wire.body())
            let request = try #require(transport.requests.first)
            return (request.url, request.header("x-api-key") ?? request.header("authorization"))
        }
        let key = try await sent(["ANTHROPIC_API_KEY": "k", "ANTHROPIC_AUTH_TOKEN": "t"])
        #expect(key == ("https://api.anthropic.com/v1/messages", "k"))
        let token = try await sent(["ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "t", "ANTHROPIC_BASE_URL": ""])
        #expect(token == ("https://api.anthropic.com/v1/messages", "Bearer t"))
        let base = try await sent(["ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://localhost:8787/a/"])
        #expect(base == ("http://localhost:8787/a/v1/messages", "k"))
        #expect(throws: ClientConfigurationError.self) { try self.client(.environment) }
    }

    @Test func theCallersOwnWordsComeFirst() async throws {
        let transport = ScriptedTransport()
        let claude = try self.client(
            .key("mine"), ["ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://elsewhere"], transport: transport
        ) { $0.baseURL = "http://here" }
        _ = try await claude.messages.create(json: Wire.body())
        #expect(transport.requests.first?.url == "http://here/v1/messages")
        #expect(transport.requests.first?.header("x-api-key") == "mine")
    }

    @Test func aKeyIsPresentedAsTheVersionsSDKsDoAndIsTheSameScopeEitherWay() async throws {
        for (credential, version, name, value) in [
            (ClaudeCredential.key("k"), "2023-06-01", "x-api-key", "k"),
            (.key("k"), "2026-10-21", "authorization", "Bearer k"),
            (.token("k"), "2023-06-01", "authorization", "Bearer k"),
        ] {
            let transport = ScriptedTransport()
            let claude = try self.client(credential, transport: transport) { $0.version = version }
            _ = try await claude.messages.create(json: Wire.body())
            let sent = transport.requests[0].headers.filter { ["authorization", "x-api-key"].contains($0.name) }
            #expect(sent == [HTTPHeader(name, value)])
            #expect(claude.scope == Scope.credential(apiKey: "k", authorization: nil))
        }
    }

    @Test func aClientWithoutACredentialNeedsASharedScope() async throws {
        let error = #expect(throws: ClientConfigurationError.self) { try self.client(.none) }
        #expect(error?.code == .missingCredential)
        let transport = ScriptedTransport()
        let claude = try self.client(.none, scope: .shared("team"), transport: transport)
        _ = try await claude.messages.create(json: Wire.body())
        #expect(
            transport.requests.first?.headers.contains { ["authorization", "x-api-key"].contains($0.name) } == false)
        #expect(throws: ClientConfigurationError.self) { try self.client(.key("")) }
    }

    @Test(arguments: ["bad\r\nx-evil: 1", "tab\t", "é", "nul\0"])
    func aCredentialThatNoHeaderHoldsIsRefusedWithoutBeingShown(key: String) {
        let error = #expect(throws: ClientConfigurationError.self) { try self.client(.key(key)) }
        #expect(error?.code == .invalidHeaderValue)
        #expect(error.map { "\($0)".contains(key) } == false)
    }

    @Test(arguments: [
        "", "api.anthropic.com", "ftp://x", "https://", "https:///v1", "https://:80", "https://user:pass@host",
        "https://host?x=1", "https://host/#f", "https://ho st", "https://hôst",
    ])
    func aBaseURLThatIsNoneIsRefused(url: String) {
        let error = #expect(throws: ClientConfigurationError.self) { try self.client(.key("k")) { $0.baseURL = url } }
        #expect(error?.code == .invalidBaseURL)
        #expect(error.map { "\($0)".contains("user:pass") } == false)
    }

    @Test func aPolicyThatCannotBeObeyedIsRefusedWhereItIsWritten() {
        let error = #expect(throws: ClientConfigurationError.self) {
            try CachedClaude(apiKey: .key("k"), scope: .credential, policy: CachePolicy(ttl: .seconds(-1)))
        }
        #expect(error?.code == .invalidPolicy)
    }

    /// No description, dump, error or log line holds the credential, nor what was asked and answered.
    @Test func nothingShowsTheCredential() async throws {
        let secret = "sk-ant-api03-TOPSECRET"
        let prompt = "a private question"
        let log = Locked<[String]>([])
        let logger = Logger(label: "test") { _ in CapturingLogHandler(lines: log) }
        let transport = ScriptedTransport { request, number in
            switch number {
            case 1: Wire.response(to: request, Wire.message(text: "a private answer"))
            case 2: Wire.error(401, "authentication_error")
            default: Wire.error(400, "invalid_request_error")
            }
        }
        let credential = ClaudeCredential.key(secret)
        let configuration = CachedClaude.Configuration(
            baseURL: "https://user:\(secret)@host", transport: transport, logger: logger,
            environment: { _ in secret }
        )
        var usable = configuration
        usable.baseURL = nil
        usable.environment = { $0 == "ANTHROPIC_API_KEY" ? secret : nil }
        let claude = try CachedClaude(scope: .credential, configuration: usable)
        var shown: [String] = []
        func show(_ value: Any) {
            var dumped = ""
            dump(value, to: &dumped)
            shown += [dumped, "\(value)", String(reflecting: value)]
        }
        show(credential)
        show(configuration)
        show(claude)
        show(claude.messages)
        show(claude.messages.stream(json: Wire.body(prompt)))
        show(claude.scope)
        show(claude.policy)
        _ = try await claude.messages.create(json: Wire.body(prompt))
        _ = try await claude.messages.create(json: Wire.body(prompt))
        for other in ["b", "c"] {
            let error = await #expect(throws: ClaudeError.self) {
                try await claude.messages.create(json: Wire.body(prompt + other))
            }
            if let error { show(error) }
        }
        let configured = #expect(throws: ClientConfigurationError.self) {
            try CachedClaude(scope: .credential, configuration: configuration)
        }
        if let configured { show(configured) }
        shown += log.withLock { $0 }
        #expect(log.withLock { $0.count } >= 2)
        for text in shown {
            #expect(!text.contains("TOPSECRET"), "\(text.prefix(300))")
            #expect(!text.contains("private"), "\(text.prefix(300))")
        }
    }
}

/// Keeps what is logged, metadata included.
private struct CapturingLogHandler: LogHandler {
    let lines: Locked<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    init(lines: Locked<[String]>) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let line = "\(event.level) \(event.message) \(event.metadata ?? [:])"
        self.lines.withLock { $0.append(line) }
    }
}
