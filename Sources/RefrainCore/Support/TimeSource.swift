#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where the cache gets the time: passed in, so that tests and benchmarks set it.
///
/// A struct of functions rather than a protocol, because a hit reads the time once and must not pay for an existential.
public struct TimeSource: Sendable {
    /// The wall-clock time, for expiry: envelopes are shared between machines.
    public let now: @Sendable () -> Timestamp
    /// Nanoseconds of a clock that never goes back, for latencies.
    public let monotonicNanoseconds: @Sendable () -> UInt64
    /// Returns after the duration has passed, or throws `CancellationError` when the task is cancelled first.
    public let sleep: @Sendable (Duration) async throws -> Void

    /// Creates a source from three functions. See the properties for what each must do.
    public init(
        now: @escaping @Sendable () -> Timestamp,
        monotonicNanoseconds: @escaping @Sendable () -> UInt64,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.monotonicNanoseconds = monotonicNanoseconds
        self.sleep = sleep
    }

    /// The machine's own clocks.
    public static let system = TimeSource(
        now: {
            let time = Self.read(CLOCK_REALTIME)
            return Timestamp(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
        },
        monotonicNanoseconds: {
            let time = Self.read(CLOCK_MONOTONIC)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        },
        sleep: { try await Task.sleep(for: $0) }
    )

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }
}
