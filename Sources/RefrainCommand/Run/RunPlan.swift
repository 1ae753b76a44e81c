import ArgumentParser
import Refrain
import RefrainCore
import RefrainKeys
import RefrainRedis
import SystemPackage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension RunCommand {
    /// What a run is to do, from flags, environment and file.
    struct Plan: Sendable {
        let concurrency: Int
        let memory: MemoryStore.Configuration
        let redis: RedisArguments.Place?
        let policy: CachePolicy
        let sharing: CachedClaude.Sharing
        let promptCaching: PromptCaching
        let upstream: String?
        let key: ClaudeCredential
        let version: String
        let betas: [String]
        let retry: RetryPolicy
        let timeouts: HTTPRequest.Timeouts

        /// - Throws: `ValidationError` where a value is not one, or nothing says where to send the requests.
        init(_ command: RunCommand, _ settings: Settings) throws {
            self.concurrency = try settings.value(command.concurrency, .concurrency) ?? 8
            guard self.concurrency >= 1, self.concurrency <= 10_000 else {
                throw ValidationError("--concurrency must be from 1 to 10000")
            }
            self.memory = MemoryStore.Configuration(
                bytes: try settings.value(command.memory, .memory)?.bytes ?? 256_000_000)
            self.redis = try command.redis.place(settings)
            self.policy = CachePolicy(
                ttl: try settings.value(command.ttl, .ttl)?.duration ?? .days(7),
                staleIfError: try settings.value(command.staleIfError, .staleIfError)?.duration ?? .zero,
                version: try settings.value(command.cacheVersion, .cacheVersion) ?? "")
            let scope = try settings.value(command.scope, .scope)
            self.promptCaching = try settings.value(command.promptCaching, .promptCaching)?.value ?? .automatic
            self.version = try settings.value(command.anthropicVersion, .anthropicVersion) ?? "2023-06-01"
            self.betas = command.beta
            let retries = try settings.value(command.maxRetries, .maxRetries) ?? 2
            guard retries >= 0, retries <= 100 else { throw ValidationError("--max-retries must be from 0 to 100") }
            var timeouts = HTTPRequest.Timeouts()
            if let timeout = try settings.value(command.timeout, .timeout) { timeouts.total = timeout.duration }
            self.timeouts = timeouts
            self.retry = RetryPolicy(maximumRetries: retries, longestServerDelay: timeouts.total)
            self.upstream = try settings.value(command.upstream, .upstream)
            let environment = ProcessInfo.processInfo.environment
            let hasKey = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"].contains { environment[$0]?.isEmpty == false }
            guard hasKey || self.upstream != nil || command.simulate else {
                throw ValidationError(
                    "nowhere to send the requests: set ANTHROPIC_API_KEY, name an --upstream, or use --simulate, which "
                        + "costs nothing")
            }
            self.key = hasKey ? .environment : .none
            // Without a credential nobody is known to share; but this cache is the run's own, and ends with it.
            self.sharing = scope.map { .shared($0) } ?? (hasKey || command.simulate ? .credential : .shared("run"))
        }

        /// Runs the requests against the API at `baseURL`.
        func run(
            _ command: RunCommand, at baseURL: String?, key: ClaudeCredential, _ output: OutputFile?,
            _ interruption: Interruption
        ) async throws -> RunReport {
            let transport = CountingTransport(CurlTransport())
            let store = try await self.redis?.open()
            let shared = store.map { store in
                var tier = ResponseCache.SecondTier.redis(store)
                // A batch would rather wait for another process's answer than pay for its own. Thousands of requests
                // that begin at once keep this process itself busy for longer than Redis, which has a second for a
                // command.
                tier.readBudget = .seconds(10)
                tier.writeBudget = .seconds(10)
                return tier
            }
            let claude: CachedClaude
            do throws(ClientConfigurationError) {
                claude = try CachedClaude(
                    apiKey: key, scope: self.sharing, memory: self.memory, shared: shared,
                    policy: self.policy,
                    promptCaching: self.promptCaching,
                    configuration: .init(
                        baseURL: baseURL, version: self.version, betas: self.betas, retry: self.retry,
                        timeouts: self.timeouts, transport: transport))
            } catch {
                await store?.shutdown()
                throw ValidationError(error.message)
            }
            let progress = ProgressDisplay(
                total: command.file == "-"
                    ? nil
                    : try Self.lineCount(of: command.file).flatMap {
                        let (total, overflow) = $0.multipliedReportingOverflow(by: command.repeats)
                        return overflow ? nil : total
                    })
            let collected = Locked(RunReport())
            let runner = Runner(
                path: command.file, repeats: command.repeats, concurrency: self.concurrency,
                answer: { await RunAnswer.ask(claude, $0) })
            do {
                try await interruption.cancelling {
                    try await runner.run { event in
                        switch event {
                        case .malformed(let line):
                            collected.withLock { $0.malformedLines += 1 }
                            progress.clear()
                            Terminal.complain("line \(line.number): \(line.reason)")
                        case .answered(let answers):
                            for (line, answer) in answers {
                                collected.withLock { $0.add(answer.entry) }
                                try output?.write(answer.line(customID: line.customID))
                                progress.advance(answer.entry.outcome)
                            }
                        }
                    }
                }
            } catch let error as Errno {
                progress.clear()
                await claude.shutdown()
                throw ValidationError("cannot read \(command.file) or write the output: \(error)")
            }
            progress.clear()
            await claude.shutdown()
            // Answers that never came are among the errors already. What the second tier has taken is known only now.
            let refused = claude.cache.statistics.refused.filter { ![.status, .failed, .closed].contains($0.key) }
            return collected.withLock { report in
                report.upstreamCalls = transport.count
                report.notStored = Dictionary(uniqueKeysWithValues: refused.map { ($0.key.description, $0.value) })
                return report
            }
        }

        /// How many lines a regular file has; nil for what can be read once only.
        ///
        /// - Throws: `ValidationError` where the file cannot be read.
        private static func lineCount(of path: String) throws -> Int? {
            do {
                var reader = try LineReader(path: path)
                var count = 0
                guard reader.isRegularFile else { return nil }
                while let line = try reader.next() { if line != .text([]) { count += 1 } }
                try reader.close()
                return count
            } catch {
                throw ValidationError("cannot read \(path): \(error)")
            }
        }
    }
}

/// The file of answers.
final class OutputFile: Sendable {
    private let descriptor: FileDescriptor

    /// Creates the file, or empties it.
    ///
    /// - Throws: `ValidationError` where it cannot be written.
    init(_ path: String) throws {
        do {
            self.descriptor =
                path == "-"
                ? .standardOutput
                : try .open(
                    FilePath(path), .writeOnly, options: [.create, .truncate],
                    permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw ValidationError("cannot write \(path): \(error)")
        }
    }

    /// Appends bytes.
    func write(_ bytes: [UInt8]) throws { try self.descriptor.writeAll(bytes) }

    /// Closes the file.
    func close() throws { if self.descriptor != .standardOutput { try self.descriptor.close() } }
}

/// The progress bar on a terminal; nothing where standard error is none.
final class ProgressDisplay: Sendable {
    private let bar: Locked<ProgressBar>
    private let isShown: Bool

    init(total: Int?) {
        self.bar = Locked(ProgressBar(total: total))
        self.isShown = Terminal.isInteractive
    }

    /// Counts one answer.
    func advance(_ outcome: RunReport.Outcome) {
        let text = self.bar.withLock { bar in
            bar.done += 1
            if outcome == .hit || outcome == .joined || outcome == .stale { bar.saved += 1 }
            if outcome == .error { bar.failed += 1 }
            return self.isShown ? bar.rendered(width: Terminal.width - 1) : ""
        }
        if self.isShown { Terminal.status("\r\u{1B}[K" + text) }
    }

    /// Takes the bar off the screen.
    func clear() { if self.isShown { Terminal.status("\r\u{1B}[K") } }
}
