import ArgumentParser
import RefrainBench
import RefrainCore

/// `refrain bench hit-rate`.
struct HitRateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hit-rate",
        abstract: "Replay traffic through the cache: what it answers, what is lost to what, and what is saved.")

    @OptionGroup var input: TraceArguments

    @Option(help: ArgumentHelp("How long answers are kept, as in 5m,1h,1d,7d,inf.", valueName: "list"))
    var ttl: ListArgument<LifetimeArgument>?

    @Option(
        help: ArgumentHelp(
            "How large the memory store is, as in 64MB,256MB; without it there is no bound.", valueName: "list"))
    var size: ListArgument<ByteSize>?

    @Flag(inversion: .prefixedNo, help: "Whether repeated samples of a prompt are requests of their own.")
    var samples = true

    @Flag(inversion: .prefixedNo, help: "Whether the money is reckoned, which simulates the prompt cache too.")
    var money = true

    @OptionGroup var output: BenchOutput

    func run() async throws {
        var options = HitRateBench.Options(keysSample: self.samples, reckonsMoney: self.money)
        if let ttl { options.lifetimes = ttl.elements.map(\.duration) }
        if let size { options.sizes = size.elements.map(\.bytes) }
        var reports: [HitRateReport] = []
        try await self.input.forEach { trace in reports.append(try await HitRateBench.run(trace, options)) }
        try self.output.show(BenchReport(hitRates: reports))
    }
}
