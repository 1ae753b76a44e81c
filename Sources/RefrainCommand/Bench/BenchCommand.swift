import ArgumentParser
import RefrainBench
import RefrainCore

/// `refrain bench`: what a cache would save, and which policy is best.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure hit rates, money, eviction and speed. Nothing is sent to the API.",
        discussion: """
            A TRACE is one of
              a file of JSON Lines, plain, .gz or .xz: request bodies, {"custom_id","params"} lines of a batch, {"body"} \
            with a time, or the gateway's request log (serve --request-log FILE);
              the name of a public set, whose files lie below --traces: see docs/traces.md for where they come from;
              the name of a generated workload.
            refrain bench list names them.
            """,
        subcommands: [
            HitRateCommand.self, PromptCacheCommand.self, EvictionCommand.self, LatencyCommand.self,
            TraceListCommand.self,
        ])
}

/// How a bench shows what it found.
struct BenchOutput: ParsableArguments {
    @Flag(help: "Print one JSON object: shares from 0 to 1, US dollars, seconds and bytes, nothing rounded.")
    var json = false

    @Option(help: ArgumentHelp("Write a page with charts too: one file that needs nothing else.", valueName: "file"))
    var html: String?

    /// Prints the report, and writes the page where one is wanted.
    func show(_ report: BenchReport) throws {
        if let html {
            do {
                try FileContents.write(Array(report.html.utf8), to: html)
            } catch {
                Terminal.complain("cannot write \(html): \(error)")
                throw ExitCode.failure
            }
        }
        if self.json {
            Terminal.print(report.json)
        } else {
            Terminal.write(Array(report.text(width: Terminal.width).utf8))
        }
    }
}

/// Which requests are replayed.
struct TraceArguments: ParsableArguments {
    @Argument(help: "Files, public sets or generated workloads; without one, what is generated.")
    var trace: [String] = []

    @Option(help: ArgumentHelp("The folder that holds the public sets.", valueName: "folder"))
    var traces: String?

    @Option(
        help: "What kind of traffic the files hold: live, re-run or search. It is a label; nothing is reckoned with it."
    )
    var kind: TrafficKind = .live

    @Option(help: ArgumentHelp("Which of all generated workloads of a name.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("How large generated workloads are, from 0.01 to 10.", valueName: "factor"))
    var scale = 1.0

    func validate() throws {
        guard (0.01...10).contains(self.scale) else { throw ValidationError("--scale must be from 0.01 to 10") }
    }

    /// The traces, read one after the other by `body`, with a progress bar where a person looks on.
    func forEach(_ body: (RequestTrace) async throws -> Void) async throws {
        let names = self.trace.isEmpty ? GeneratedTraffic.all.map(\.name) : self.trace
        var progress = BenchProgress(total: names.count)
        defer { progress.clear() }
        for name in names {
            progress.show(name)
            let trace: RequestTrace
            do throws(BenchError) {
                trace = try self.read(name)
            } catch {
                throw error.code == .missingData ? ValidationError(error.message) : error
            }
            try await body(trace)
            progress.advance()
        }
    }

    private func read(_ name: String) throws(BenchError) -> RequestTrace {
        if let workload = GeneratedTraffic.all.first(where: { $0.name == name }) {
            return workload.trace(seed: self.seed, scale: self.scale)
        }
        if let set = PublicTrace.all.first(where: { $0.name == name }) {
            guard let traces else {
                throw BenchError(
                    .missingData,
                    "\(name) is a public set: say with --traces FOLDER where its file \(set.file) lies. It comes "
                        + "from \(set.source)")
            }
            return try set.read(folder: traces)
        }
        do throws(BenchError) {
            return try UserTrace.read(name, kind: self.kind)
        } catch {
            guard error.code == .missingData else { throw error }
            throw BenchError(
                .missingData, "\(error.message); nor is there a set or workload of that name: see refrain bench list")
        }
    }
}

extension TrafficKind: ExpressibleByArgument {}

/// A time to live as an option has it: `7d`, or `inf`.
struct LifetimeArgument: ExpressibleByArgument {
    /// Nil for ever.
    let duration: Duration?

    init?(argument: String) {
        if argument == "inf" {
            self.duration = nil
            return
        }
        guard let duration = Duration(text: argument), duration > .zero else { return nil }
        self.duration = duration
    }
}

/// Several values of one option, separated by commas.
struct ListArgument<Element: ExpressibleByArgument>: ExpressibleByArgument {
    let elements: [Element]

    init?(argument: String) {
        var elements: [Element] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let element = Element(argument: String(part)) else { return nil }
            elements.append(element)
        }
        self.elements = elements
    }
}

/// `refrain bench list`.
struct TraceListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Name the public sets and generated workloads that can be replayed.")

    func run() {
        Terminal.print("generated workloads:")
        for workload in GeneratedTraffic.all {
            Terminal.print("  \(workload.name) [\(workload.kind)]: \(workload.summary)")
        }
        Terminal.print("public sets, below --traces FOLDER:")
        for set in PublicTrace.all {
            Terminal.print("  \(set.name) [\(set.kind)]: \(set.summary)")
            Terminal.print("      \(set.file), \(set.licence), from \(set.source)")
        }
    }
}
