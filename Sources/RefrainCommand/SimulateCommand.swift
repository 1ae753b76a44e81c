import ArgumentParser
import RefrainCore
import RefrainKeys
import RefrainSimulator

/// `refrain simulate`: the simulated Claude.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Serve a simulated Claude on this machine, for SDKs of any language.",
        discussion: """
            Point an SDK's base URL at it; any key does. What it simulates, and the texts and headers that ask for \
            refusals, tools, thinking and faults, is in docs/simulator.md. Ctrl-C ends it.
            """)

    @Option(help: ArgumentHelp("The address to listen on.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: ArgumentHelp("The port to listen on; 0 takes a free one.", valueName: "port"))
    var port = 8788

    @Option(help: ArgumentHelp("What answers, identifiers and faults depend on.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("The time to the first token.", valueName: "duration"))
    var latency: HumanDuration = HumanDuration(.milliseconds(600))

    @Option(help: ArgumentHelp("How fast tokens follow; 0: at once.", valueName: "n"))
    var tokensPerSecond = 80.0

    @Flag(help: "Answer the same request with the same text each time. The real API does not.")
    var deterministic = false

    @Option(
        help: ArgumentHelp(
            "What goes wrong, as in overloaded/10 (every tenth), reset@0.05 (one in twenty), 429*3 (the first three). "
                + "May be given again.", valueName: "fault"))
    var fault: [FaultArgument] = []

    @Flag(help: "Print the address as one JSON object.")
    var json = false

    func validate() throws {
        guard (0...65_535).contains(self.port) else { throw ValidationError("--port must be from 0 to 65535") }
        guard self.tokensPerSecond == 0 || (0.01...1_000_000).contains(self.tokensPerSecond) else {
            throw ValidationError("--tokens-per-second must be 0 or from 0.01 to 1000000")
        }
    }

    func run() async throws {
        let configuration = SimulatorConfiguration(
            host: self.host, port: self.port, seed: self.seed, latency: self.latency.duration,
            tokensPerSecond: self.tokensPerSecond > 0 ? self.tokensPerSecond : nil,
            isDeterministic: self.deterministic, faults: FaultPlan(self.fault.map(\.rule)))
        let json = self.json
        let simulator = Simulator(configuration) { handle in
            if json {
                Terminal.print(["base_url": .string(handle.baseURL)])
            } else {
                Terminal.print("simulated Claude at \(handle.baseURL)")
                Terminal.print("  export ANTHROPIC_BASE_URL=\(handle.baseURL) ANTHROPIC_API_KEY=any")
            }
        }
        let interruption = Interruption()
        do {
            try await interruption.cancelling { try await simulator.run() }
        } catch is CancellationError {
            // Ctrl-C is how it ends.
        } catch {
            Terminal.complain("cannot serve on \(self.host):\(self.port): \(error)")
            throw ExitCode.failure
        }
    }
}

/// `--fault`.
struct FaultArgument: ExpressibleByArgument {
    let rule: FaultPlan.Rule

    init?(argument: String) {
        do throws(FaultSyntaxError) {
            self.rule = try FaultPlan.Rule(parsing: argument)
        } catch {
            return nil
        }
    }
}
