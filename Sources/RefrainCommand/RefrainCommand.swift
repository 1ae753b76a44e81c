import ArgumentParser

/// The command `refrain`.
@main
struct RefrainCommand: AsyncParsableCommand {
    /// Runs the command that the arguments name, and ends the process with its status.
    ///
    /// ArgumentParser ends a bad usage with 64; ours is 2, as shells and most tools have it.
    static func main() async {
        do {
            var command = try Self.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let code = Self.exitCode(for: error)
            guard code == .validationFailure else { Self.exit(withError: error) }
            Terminal.status(Self.fullMessage(for: error) + "\n")
            Self.exit(withError: ExitCode.badUsage)
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "refrain",
        abstract: "A response cache for the Claude Messages API.",
        subcommands: [
            ServeCommand.self, RunCommand.self, KeyCommand.self, ExplainCommand.self, BenchCommand.self,
            SimulateCommand.self, StatsCommand.self, InspectCommand.self, PurgeCommand.self, MemberCommand.self,
        ])
}

/// The exit statuses of the command: 0 done, 1 the work failed, 2 bad usage.
extension ExitCode {
    /// The command was used wrongly.
    static let badUsage = ExitCode(2)
    /// Ctrl-C ended the work: 128 and the number of SIGINT, as shells have it.
    static let interrupted = ExitCode(130)
}
