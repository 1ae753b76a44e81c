import ArgumentParser
import Logging
import Refrain
import RefrainCore
import RefrainGateway
import RefrainKeys
import RefrainRedis
import ServiceLifecycle
import UnixSignals

/// What `refrain serve` is to do, from flags, environment and files.
struct ServePlan: Sendable {
    var gateway: GatewayConfiguration
    let memory: MemoryStore.Configuration
    let redis: RedisArguments.Place?
    let logger: Logger

    /// - Throws: `ValidationError` where a value is not one.
    init(_ command: ServeCommand, _ settings: Settings, _ environment: [String: String]) throws {
        self.memory = MemoryStore.Configuration(
            bytes: try settings.value(command.memory, .memory)?.bytes ?? 256_000_000)
        self.redis = try command.redis.place(settings)
        self.logger = LogOutput.logger(
            "refrain.gateway", format: try settings.value(command.logFormat, .logFormat) ?? .text,
            level: try settings.value(command.logLevel, .logLevel)?.level ?? .notice)
        let policy = CachePolicy(
            ttl: try settings.value(command.ttl, .ttl)?.duration ?? .days(7),
            staleIfError: try settings.value(command.staleIfError, .staleIfError)?.duration ?? .zero)
        var gateway = GatewayConfiguration(policy: policy)
        gateway.host = try settings.value(command.host, .host) ?? gateway.host
        gateway.port = try settings.value(command.port, .port) ?? gateway.port
        guard (0...65_535).contains(gateway.port) else { throw ValidationError("--port must be from 0 to 65535") }
        gateway.upstream = try settings.value(command.upstream, .upstream) ?? gateway.upstream
        gateway.maximumTTL = try settings.value(command.maxTtl, .maxTTL)?.duration
        gateway.observes = try settings.value(command.mode, .mode) == .observe
        gateway.promptCaching = try settings.value(command.promptCaching, .promptCaching)?.value ?? .off
        gateway.keyOptions.urlSources = command.urlSources
        gateway.keyOptions.fileSources = command.fileSources
        gateway.scopes =
            try settings.value(command.scopes, .scopes).map { try ScopesFile(path: $0, environment).scopes } ?? []
        gateway.adminToken = try Self.adminToken(environment)
        gateway.tls = try Self.tls(
            try settings.value(command.tlsCertificate, .tlsCertificate), try settings.value(command.tlsKey, .tlsKey))
        gateway.limits = try Self.limits(command, settings)
        if let timeout = try settings.value(command.timeout, .timeout) { gateway.timeouts.total = timeout.duration }
        if let drain = try settings.value(command.drain, .drain) { gateway.drain = drain.duration }
        gateway.requestLog = try settings.value(command.requestLog, .requestLog)
        self.gateway = gateway
    }

    private static func adminToken(_ environment: [String: String]) throws -> AdminToken? {
        guard let text = environment["REFRAIN_ADMIN_TOKEN"], !text.isEmpty else { return nil }
        guard let token = AdminToken(text) else {
            throw ValidationError("REFRAIN_ADMIN_TOKEN must have at least 16 characters, so that it cannot be guessed")
        }
        return token
    }

    private static func tls(_ certificate: String?, _ key: String?) throws -> GatewayConfiguration.TLSFiles? {
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return .init(certificate: certificate, key: key)
        default: throw ValidationError("--tls-certificate and --tls-key go together")
        }
    }

    private static func limits(_ command: ServeCommand, _ settings: Settings) throws -> GatewayConfiguration.Limits {
        var limits = GatewayConfiguration.Limits()
        limits.bodyBytes = try settings.value(command.maxBody, .maxBody)?.bytes ?? limits.bodyBytes
        limits.headerBytes = try settings.value(command.maxHeader, .maxHeader)?.bytes ?? limits.headerBytes
        limits.connections = try settings.value(command.maxConnections, .maxConnections) ?? limits.connections
        limits.idle = try settings.value(command.idleTimeout, .idleTimeout)?.duration ?? limits.idle
        limits.stall = try settings.value(command.stallTimeout, .stallTimeout)?.duration ?? limits.stall
        guard limits.bodyBytes > 0, limits.headerBytes >= 1_024, limits.connections > 0 else {
            throw ValidationError("--max-body and --max-connections are at least 1, --max-header is at least 1KiB")
        }
        guard limits.idle >= .milliseconds(1), limits.stall >= .milliseconds(1) else {
            throw ValidationError("--idle-timeout and --stall-timeout are at least 1ms")
        }
        return limits
    }

    // MARK: Serving

    /// Serves until a signal ends it.
    func serve(json: Bool) async throws {
        let store = try await self.openStore()
        let second = store.map { ResponseCache.SecondTier.redis($0) }
        let memory = MemoryStore(self.memory, generations: second?.generations ?? GenerationTracker())
        let cache = ResponseCache(memory: memory, second: second, models: self.gateway.models)
        let transport = CurlTransport()
        func close() async {
            await cache.shutdown()
            await transport.shutdown()
        }
        do {
            let gateway = try Gateway(
                self.gateway, cache: cache, transport: transport, logger: self.logger,
                onListening: { port in Terminal.print(json ? self.address(port) : self.banner(port)) })
            try await self.run(gateway, sweeping: memory)
        } catch let error as GatewayConfigurationError {
            await close()
            throw ValidationError(error.description)
        } catch {
            await close()
            Terminal.complain("cannot serve on \(self.gateway.host):\(self.gateway.port): \(error)")
            throw ExitCode.failure
        }
        await close()
    }

    /// A store that is not there yet is waited for while the gateway serves; one that refuses us never will be.
    private func openStore() async throws -> RedisStore? {
        guard let place = self.redis else { return nil }
        let store: RedisStore
        do throws(RedisConfigurationError) {
            store = try RedisStore(
                place.redis, RedisStore.Configuration(namespace: place.namespace, logger: self.logger))
        } catch {
            throw ValidationError("--namespace \(place.namespace): \(error.message)")
        }
        do throws(StoreError) {
            try await store.verify()
        } catch {
            guard error.code != .refused else {
                await store.shutdown()
                throw ValidationError("--redis \(place.redis.address): \(error.message)")
            }
            self.logger.warning(
                "the Redis cannot be reached yet: serving without it until it can",
                metadata: ["redis": "\(place.redis.address)", "error": "\(error.message)"])
        }
        return store
    }

    private func run(_ gateway: Gateway, sweeping memory: MemoryStore) async throws {
        var configuration = ServiceGroupConfiguration(services: [gateway], logger: self.logger)
        configuration.maximumGracefulShutdownDuration = self.gateway.drain
        let services = ServiceGroup(configuration: configuration)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await services.run()
                return true
            }
            group.addTask {
                await memory.run()
                return false
            }
            group.addTask {
                var isEnding = false
                for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                    if isEnding { break }
                    isEnding = true
                    self.logger.notice(
                        "ending: answers on their way come to their end", metadata: ["signal": "\(signal)"])
                    await services.triggerGracefulShutdown()
                }
                return isEnding
            }
            // The first to end is the server, or the second signal.
            while let isOver = try await group.next(), !isOver {}
            group.cancelAll()
        }
    }

    // MARK: What it says at its start

    private func url(_ port: Int) -> String {
        let host = self.gateway.host
        let shown = ["0.0.0.0", "::"].contains(host) ? "localhost" : host
        return "\(self.gateway.tls == nil ? "http" : "https")://\(shown.contains(":") ? "[\(shown)]" : shown):\(port)"
    }

    private func address(_ port: Int) -> String {
        let object: JSONObject = ["base_url": .string(self.url(port)), "upstream": .string(self.gateway.upstream)]
        return String(decoding: JSONValue.object(object).encoded(), as: UTF8.self)
    }

    private func banner(_ port: Int) -> String {
        let ttl = self.gateway.policy.ttl.text
        let bound = self.gateway.maximumTTL.map { ", at most \($0.text)" } ?? ""
        var lines = ["refrain serves \(self.url(port)) for \(self.gateway.upstream)"]
        func line(_ name: String, _ text: String) {
            lines.append("  " + name + String(repeating: " ", count: max(1, 9 - name.count)) + text)
        }
        line(
            "caches",
            self.gateway.observes
                ? "nothing: it observes, and reports what it would have answered"
                : "POST /v1/messages, fresh for \(ttl)\(bound); the rest goes through as it comes")
        line("for", "holders of the same credential" + self.gateway.scopes.map(Self.described).joined())
        line(
            "in",
            "memory (\(ByteSize(self.memory.bytes)))"
                + (self.redis.map { ", Redis at \($0.redis.address), namespace \($0.namespace)" } ?? ""))
        if self.gateway.promptCaching != .off { line("marks", "prompts: \(self.gateway.promptCaching)") }
        if self.gateway.adminToken != nil {
            line("admin", "\(self.url(port))/_refrain/ with the token in REFRAIN_ADMIN_TOKEN")
        } else if self.gateway.isLoopback {
            line("admin", "\(self.url(port))/_refrain/ from this machine")
        } else {
            line("admin", "shut: others can reach this address; set REFRAIN_ADMIN_TOKEN to open it")
        }
        line("use", "export ANTHROPIC_BASE_URL=\(self.url(port))")
        return lines.joined(separator: "\n")
    }

    private static func described(_ scope: NamedScope) -> String {
        "; group \(scope.name) (\(scope.members.count) members\(scope.upstreamKey == nil ? "" : ", key held here"))"
    }
}
