import ArgumentParser
import RefrainCore
import RefrainRedis

/// Which Redis, and which namespace of it.
struct RedisArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A Redis that instances share: redis://, rediss:// or unix://. A password belongs into REFRAIN_REDIS.",
            valueName: "url"))
    var redis: String?

    @Option(help: ArgumentHelp("Who shares entries and purges in it. (default: default)", valueName: "name"))
    var namespace: String?

    /// A Redis and a namespace.
    struct Place: Sendable {
        let redis: RedisConfiguration
        let namespace: String

        /// - Throws: `ValidationError` where the URL is none. Its message has no password in it.
        init(url: String, namespace: String) throws {
            do throws(RedisConfigurationError) {
                self.redis = try RedisConfiguration(url: url)
            } catch {
                throw ValidationError("--redis: \(error.message)")
            }
            self.namespace = namespace
        }

        /// A store there, which has answered.
        ///
        /// - Throws: `ValidationError` where it cannot be reached, and why.
        func open() async throws -> RedisStore {
            let store: RedisStore
            do throws(RedisConfigurationError) {
                store = try RedisStore(self.redis, RedisStore.Configuration(namespace: self.namespace))
            } catch {
                throw ValidationError("--namespace \(self.namespace): \(error.message)")
            }
            do throws(StoreError) {
                try await store.verify()
                _ = try await store.generation()
                return store
            } catch {
                await store.shutdown()
                throw ValidationError("--redis \(self.redis.address): \(error.message)")
            }
        }

        /// Runs `body` with a store, and shuts that down.
        func withStore<Result: Sendable>(_ body: (RedisStore) async throws -> Result) async throws -> Result {
            let store = try await self.open()
            do {
                let result = try await body(store)
                await store.shutdown()
                return result
            } catch let error as StoreError {
                await store.shutdown()
                Terminal.complain("the Redis at \(self.redis.address): \(error.message)")
                throw ExitCode.failure
            } catch {
                await store.shutdown()
                throw error
            }
        }
    }

    /// The place that flags, environment or file name; nil where none does.
    ///
    /// - Throws: `ValidationError` where the URL is none. Its message has no password in it.
    func place(_ settings: Settings) throws -> Place? {
        guard let url = try settings.value(self.redis, .redis) else { return nil }
        return try Place(url: url, namespace: settings.value(self.namespace, .namespace) ?? "default")
    }
}
