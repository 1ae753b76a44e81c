import ArgumentParser
import RefrainBench
import RefrainCore

/// `refrain bench prompt-cache`.
struct PromptCacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prompt-cache",
        abstract: "Reckon what the API's prompt cache reads, writes and costs, by who places the marks.")

    @OptionGroup var input: TraceArguments

    @Option(help: "ideal: what could be at best; real: as the API documents it.")
    var mode: PromptCacheBench.Mode = .ideal

    @Option(help: ArgumentHelp("In the ideal mode: the fewest tokens of a prefix that is kept.", valueName: "n"))
    var minimumTokens = 0

    @Option(
        help: ArgumentHelp(
            "Show the bill of what a response cache does not answer, which keeps answers so long, as in 1d or inf.",
            valueName: "ttl"))
    var responseCache: LifetimeArgument?

    @OptionGroup var output: BenchOutput

    func validate() throws {
        guard self.minimumTokens >= 0 else { throw ValidationError("--minimum-tokens must be at least 0") }
    }

    func run() async throws {
        let options = PromptCacheBench.Options(
            mode: self.mode, minimumTokens: self.minimumTokens,
            responseCache: self.responseCache.map { $0.duration })
        var reports: [PromptCacheReport] = []
        try await self.input.forEach { trace in reports.append(try await PromptCacheBench.run(trace, options)) }
        try self.output.show(BenchReport(promptCaches: reports))
    }
}

extension PromptCacheBench.Mode: ExpressibleByArgument {}
