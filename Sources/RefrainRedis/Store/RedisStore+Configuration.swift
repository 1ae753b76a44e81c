public import Logging
public import RefrainCore

extension RedisStore {
    /// What a store keeps in Redis, and how.
    public struct Configuration: Sendable {
        /// Who shares entries and purges. From 1 to 64 letters, digits, dots, dashes and underscores.
        public var namespace: String
        /// The most bytes that an entry may have in Redis; larger ones are counted and not kept. 8 MiB by default.
        public var maximumValueBytes: Int
        /// How long a lease on an upstream call lasts unless it is renewed: how long others wait for a process that has
        /// died. 10 s by default.
        public var leaseDuration: Duration
        /// How long memory goes on serving while Redis cannot be asked for purges. 60 s by default; with 0 it stops as
        /// soon as that is noticed.
        public var partitionGrace: Duration
        /// Whether bodies are compressed.
        public var compression: EnvelopeCompression
        /// The keys that entries are sealed with; nil to leave them readable to whoever may read the Redis.
        public var sealing: Sealing?
        /// Where it is told what becomes of the connections. Silent by default.
        public var logger: Logger

        /// Creates a configuration.
        public init(
            namespace: String = "default", maximumValueBytes: Int = 8 << 20, leaseDuration: Duration = .seconds(10),
            partitionGrace: Duration = .seconds(60), compression: EnvelopeCompression = .automatic,
            sealing: Sealing? = nil,
            logger: Logger = Logger(label: "refrain.redis", factory: { _ in SwiftLogNoOpLogHandler() })
        ) {
            self.namespace = namespace
            self.maximumValueBytes = maximumValueBytes
            self.leaseDuration = leaseDuration
            self.partitionGrace = partitionGrace
            self.compression = compression
            self.sealing = sealing
            self.logger = logger
        }

        func validate() throws(RedisConfigurationError) {
            guard RedisNames.isValid(self.namespace) else {
                throw RedisConfigurationError(
                    .invalidParameter,
                    "a namespace has from 1 to 64 letters, digits, dots, dashes and underscores of ASCII")
            }
            guard self.leaseDuration >= .milliseconds(100), self.leaseDuration <= .seconds(3_600) else {
                throw RedisConfigurationError(.invalidParameter, "a lease lasts from 100 ms to an hour")
            }
            guard self.partitionGrace >= .zero, self.partitionGrace <= .seconds(86_400) else {
                throw RedisConfigurationError(.invalidParameter, "partitionGrace is from 0 to a day")
            }
            guard self.maximumValueBytes > 0, self.maximumValueBytes <= 64 << 20 else {
                throw RedisConfigurationError(.invalidParameter, "maximumValueBytes is from 1 byte to 64 MiB")
            }
        }
    }
}

extension ResponseCache.SecondTier {
    /// A shared tier in Redis: see ``RedisStore``.
    ///
    /// - Parameters:
    ///   - url: `redis://`, `rediss://` or `unix://`: see ``RedisConfiguration/init(url:)``.
    ///   - namespace: Who shares entries and purges.
    /// - Throws: ``RedisConfigurationError`` where the URL or the namespace cannot be right. Whether there is a server is
    ///   found out later, or by ``RedisStore/verify()``.
    public static func redis(_ url: String, namespace: String = "default") throws(RedisConfigurationError) -> Self {
        .redis(try RedisStore(try RedisConfiguration(url: url), .init(namespace: namespace)))
    }

    /// A shared tier in the Redis of a store that was made before.
    public static func redis(_ store: RedisStore) -> Self {
        ResponseCache.SecondTier(
            store, generations: store.generations, tier: .redis, logger: store.configuration.logger)
    }
}
