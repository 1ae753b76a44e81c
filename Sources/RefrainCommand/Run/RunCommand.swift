import ArgumentParser
import Refrain
import RefrainCore
import RefrainKeys
import RefrainSimulator
import SystemPackage
import UnixSignals

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain run`: a file of requests through the cache.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Send the requests of a JSON Lines file through the cache, and report what it saved.",
        discussion: """
            A line is a request body, or {"custom_id": …, "params": body} as in a Messages batch. Bodies go out as they \
            stand. ANTHROPIC_API_KEY is the key; --simulate needs none and spends nothing.

            Options that are not given are read from REFRAIN_… variables (--ttl from REFRAIN_TTL), then from the JSON \
            file that --config names.

            Exit status: 0 all lines were answered, 1 some failed or were no requests, 2 bad usage, 130 interrupted.
            """)

    @Argument(help: "The file of requests, - for standard input.")
    var file: String

    @Option(help: ArgumentHelp("How many requests are under way at once. (default: 8)", valueName: "n"))
    var concurrency: Int?

    @Option(name: .customLong("repeat"), help: ArgumentHelp("Go through the file so many times.", valueName: "n"))
    var repeats = 1

    @Option(help: ArgumentHelp("Write a JSON line for each answer to this file, in input order.", valueName: "path"))
    var output: String?

    @Option(help: ArgumentHelp("Where the API is. (default: ANTHROPIC_BASE_URL, or the real API)", valueName: "url"))
    var upstream: String?

    @Flag(help: "Start a simulated Claude on this machine and use that.")
    var simulate = false

    @Option(help: ArgumentHelp("The simulated Claude's time to its first token.", valueName: "duration"))
    var latency: HumanDuration = HumanDuration(.milliseconds(50))

    @Option(help: ArgumentHelp("How much the cache may hold in memory. (default: 256MB)", valueName: "size"))
    var memory: ByteSize?

    @OptionGroup var redis: RedisArguments

    @Option(help: ArgumentHelp("How long an answer is fresh. (default: 7d)", valueName: "duration"))
    var ttl: HumanDuration?

    @Option(help: ArgumentHelp("Give a stale answer for so long where the API fails.", valueName: "duration"))
    var staleIfError: HumanDuration?

    @Option(help: ArgumentHelp("Share under this name instead of by the credential.", valueName: "name"))
    var scope: String?

    @Option(help: ArgumentHelp("Your own version of whatever else decides the answers.", valueName: "text"))
    var cacheVersion: String?

    @Option(
        help: ArgumentHelp(
            "Who marks prompts for the API's prompt cache. (default: automatic)", valueName: "off|manual|automatic"))
    var promptCaching: PromptCachingArgument?

    @Option(help: ArgumentHelp("The anthropic-version header. (default: 2023-06-01)", valueName: "version"))
    var anthropicVersion: String?

    @Option(help: ArgumentHelp("A value of the anthropic-beta header. May be given again.", valueName: "name"))
    var beta: [String] = []

    @Option(help: ArgumentHelp("How often a failed call is made again. (default: 2)", valueName: "n"))
    var maxRetries: Int?

    @Option(
        help: ArgumentHelp(
            "How long one attempt at a call may take, and a wait that the API asks for. (default: 10m)",
            valueName: "duration"))
    var timeout: HumanDuration?

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("A JSON file of options.", valueName: "path"))
    var config: String?

    func validate() throws {
        guard self.repeats >= 1 else { throw ValidationError("--repeat must be at least 1") }
        guard !(self.simulate && self.upstream != nil) else {
            throw ValidationError("--simulate and --upstream exclude each other")
        }
    }

    func run() async throws {
        let settings = try await Settings(file: self.config, environment: ProcessInfo.processInfo.environment)
        let plan = try Plan(self, settings)
        let output = try self.output.map(OutputFile.init)
        let interruption = Interruption()
        let report: RunReport
        if self.simulate {
            let configuration = SimulatorConfiguration(latency: self.latency.duration)
            report = try await Simulator.withServer(configuration) { handle in
                Terminal.status("refrain: simulated Claude at \(handle.baseURL): no key is used, nothing is spent\n")
                return try await plan.run(self, at: handle.baseURL, key: .key("simulated"), output, interruption)
            }
        } else {
            report = try await plan.run(self, at: plan.upstream, key: plan.key, output, interruption)
        }
        try output?.close()
        if self.json { Terminal.print(report.json) } else { Terminal.print(report.table) }
        if interruption.hasHappened {
            Terminal.complain("interrupted: \(report.requests) requests were answered")
            throw ExitCode.interrupted
        }
        if report.errors > 0 || report.malformedLines > 0 { throw ExitCode.failure }
    }
}

/// Whether somebody pressed Ctrl-C.
final class Interruption: Sendable {
    private let happened = Locked(false)

    var hasHappened: Bool { self.happened.withLock { $0 } }

    /// Runs `body` and cancels it when SIGINT or SIGTERM comes. A second one ends the process as it would without us.
    func cancelling<Result: Sendable>(_ body: @Sendable @escaping () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    self.happened.withLock { $0 = true }
                    return nil
                }
                return nil
            }
            while let result = try await group.next() {
                group.cancelAll()
                if let result { return result }
            }
            throw CancellationError()
        }
    }
}

/// `--prompt-caching`.
enum PromptCachingArgument: String, ExpressibleByArgument, CaseIterable {
    case off, manual, automatic

    var value: PromptCaching {
        switch self {
        case .off: .off
        case .manual: .manual
        case .automatic: .automatic
        }
    }
}
