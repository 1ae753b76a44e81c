import ArgumentParser
import RefrainCore
import RefrainGateway
import RefrainSimulator

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain serve`: the gateway.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the Claude API from a cache, for SDKs of any language.",
        discussion: """
            Set ANTHROPIC_BASE_URL to its address; nothing else changes. POST /v1/messages is answered from the cache \
            where the same request was answered before, for whoever holds the same credential; everything else goes \
            through as it comes. The dashboard is at /_refrain/, metrics at /metrics.

            Options that are not given are read from REFRAIN_… variables (--max-ttl from REFRAIN_MAX_TTL), then from \
            the JSON file that --config names. Secrets are read from the environment alone: the admin surface's token \
            from REFRAIN_ADMIN_TOKEN.

            SIGTERM or Ctrl-C lets answers on their way come to their end, for as long as --drain says; a second one \
            ends at once. Exit status: 0 ended by a signal, 1 it could not serve, 2 bad usage.
            """)

    @Option(help: ArgumentHelp("The address to listen on. (default: 127.0.0.1)", valueName: "address"))
    var host: String?

    @Option(help: ArgumentHelp("The port to listen on; 0 takes a free one. (default: 8787)", valueName: "port"))
    var port: Int?

    @Option(help: ArgumentHelp("Where the API is. (default: https://api.anthropic.com)", valueName: "url"))
    var upstream: String?

    @Flag(help: "Start a simulated Claude on this machine and use that: no key is used, nothing is spent.")
    var simulate = false

    @Option(help: ArgumentHelp("How much the cache may hold in memory. (default: 256MB)", valueName: "size"))
    var memory: ByteSize?

    @OptionGroup var redis: RedisArguments

    @Option(help: ArgumentHelp("How long an answer is fresh. (default: 7d)", valueName: "duration"))
    var ttl: HumanDuration?

    @Option(help: ArgumentHelp("The longest freshness that a request may ask for.", valueName: "duration"))
    var maxTtl: HumanDuration?

    @Option(help: ArgumentHelp("Give a stale answer for so long where the API fails.", valueName: "duration"))
    var staleIfError: HumanDuration?

    @Option(
        help: ArgumentHelp(
            "observe forwards everything and reports what would have hit. (default: normal)",
            valueName: "normal|observe"))
    var mode: ServeMode?

    @Option(
        help: ArgumentHelp(
            "Who marks prompts for the API's prompt cache. (default: off)", valueName: "off|manual|automatic"))
    var promptCaching: PromptCachingArgument?

    @Option(
        help: ArgumentHelp(
            "A JSON file of groups that share: {\"team\": {\"members\": [\"…\"], \"upstream_key_env\": \"TEAM_KEY\"}}. "
                + "refrain member names members.", valueName: "path"))
    var scopes: String?

    @Flag(help: "Cache requests that refer to images or documents by URL.")
    var urlSources = false

    @Flag(help: "Cache requests that refer to uploaded files by id.")
    var fileSources = false

    @Option(help: ArgumentHelp("The listener's certificate chain, in PEM.", valueName: "path"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("The listener's private key, in PEM.", valueName: "path"))
    var tlsKey: String?

    @Option(help: ArgumentHelp("The largest body of /v1/messages. (default: 32MiB)", valueName: "size"))
    var maxBody: ByteSize?

    @Option(help: ArgumentHelp("The most header bytes of a request. (default: 80KiB)", valueName: "size"))
    var maxHeader: ByteSize?

    @Option(help: ArgumentHelp("The most connections at a time. (default: 20000)", valueName: "n"))
    var maxConnections: Int?

    @Option(
        help: ArgumentHelp("How long a head may take, and a connection be idle. (default: 75s)", valueName: "duration"))
    var idleTimeout: HumanDuration?

    @Option(
        help: ArgumentHelp(
            "How long a body, or a client that reads, may stand still. (default: 60s)", valueName: "duration"))
    var stallTimeout: HumanDuration?

    @Option(help: ArgumentHelp("How long one plain upstream call may take. (default: 10m)", valueName: "duration"))
    var timeout: HumanDuration?

    @Option(
        help: ArgumentHelp(
            "How long answers on their way may take at a shutdown. (default: 30s)", valueName: "duration"))
    var drain: HumanDuration?

    @Option(help: ArgumentHelp("Append a JSON line for each request to this file; no content.", valueName: "path"))
    var requestLog: String?

    @Option(help: ArgumentHelp("How the log on standard error is written. (default: text)", valueName: "text|json"))
    var logFormat: LogFormat?

    @Option(
        help: ArgumentHelp(
            "What the log tells: trace, debug, info, notice, warning, error. (default: notice)", valueName: "level"))
    var logLevel: LogLevel?

    @Flag(help: "Print the address as one JSON object instead of the banner.")
    var json = false

    @Option(help: ArgumentHelp("A JSON file of options.", valueName: "path"))
    var config: String?

    func validate() throws {
        guard !(self.simulate && self.upstream != nil) else {
            throw ValidationError("--simulate and --upstream exclude each other")
        }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let settings = try await Settings(file: self.config, environment: environment)
        let plan = try ServePlan(self, settings, environment)
        guard self.simulate else { return try await plan.serve(json: self.json) }
        try await Simulator.withServer(SimulatorConfiguration(latency: .milliseconds(300))) { handle in
            var plan = plan
            plan.gateway.upstream = handle.baseURL
            try await plan.serve(json: self.json)
        }
    }
}

/// `--mode`.
enum ServeMode: String, ExpressibleByArgument, CaseIterable {
    case normal, observe
}
