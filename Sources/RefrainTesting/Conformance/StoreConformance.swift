public import RefrainCore

/// What every ``RefrainCore/ResponseStore`` must do, as checks that any test framework can call.
///
/// Each check makes a store of its own, on a clock that it moves itself, shuts it down at the end, and throws a
/// ``Failure`` that says what was expected. Keys are random, so that checks can share one server. With Swift Testing:
///
/// ```swift
/// let conformance = StoreConformance { time in MyStore(time: time) }
///
/// @Test(arguments: StoreConformance.Check.all) func conforms(_ check: StoreConformance.Check) async throws {
///     try await conformance.run(check)
/// }
/// ```
///
/// With XCTest: `try await conformance.runAll()`.
public struct StoreConformance: Sendable {
    /// Makes an empty store, or one in a namespace that nothing else uses, that reads the time from the given source.
    public typealias MakeStore = @Sendable (TimeSource) async throws -> any ResponseStore

    /// One thing that a store must do.
    public struct Check: Hashable, Sendable, CustomStringConvertible {
        /// Its name: stable, one word of `camelCase`.
        public let description: String
        let body: @Sendable (Bench) async throws -> Void

        init(_ description: String, _ body: @escaping @Sendable (Bench) async throws -> Void) {
            self.description = description
            self.body = body
        }

        /// Every check.
        public static let all = Self.contents + Self.lifetimes + Self.generations + Self.concurrency

        /// Whether both are the same check.
        public static func == (one: Check, other: Check) -> Bool { one.description == other.description }

        /// Feeds the check's name.
        public func hash(into hasher: inout Hasher) { hasher.combine(self.description) }
    }

    /// What a store did not do.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// The check that failed.
        public let check: Check
        /// What was expected, and what came instead.
        public let message: String
        /// The seed that repeats the check: see ``StoreConformance/init(seed:makeStore:)``.
        public let seed: UInt64

        /// All of it in one line.
        public var description: String { "\(self.check): \(self.message) (seed \(self.seed))" }
    }

    private let seed: UInt64
    private let makeStore: MakeStore

    /// Creates a suite.
    ///
    /// - Parameters:
    ///   - seed: Determines keys, bodies and the choices of the concurrent checks; random by default.
    ///   - makeStore: Makes the store that a check runs on.
    public init(seed: UInt64 = .random(in: .min ... .max), makeStore: @escaping MakeStore) {
        self.seed = seed
        self.makeStore = makeStore
    }

    /// Runs one check on a new store.
    ///
    /// - Throws: ``Failure``, also where the store or its making threw what the check did not expect.
    public func run(_ check: Check) async throws(Failure) {
        let clock = ManualClock()
        do {
            let store = try await self.makeStore(clock.time)
            do {
                try await check.body(Bench(store: store, clock: clock, seed: self.seed))
            } catch {
                await store.shutdown()
                throw error
            }
            await store.shutdown()
        } catch let unmet as Unmet {
            throw Failure(check: check, message: unmet.message, seed: self.seed)
        } catch {
            throw Failure(check: check, message: "threw \(error)", seed: self.seed)
        }
    }

    /// Runs every check, one after the other, and stops at the first that fails.
    public func runAll() async throws(Failure) {
        for check in Check.all { try await self.run(check) }
    }
}

/// An expectation that a store did not meet.
struct Unmet: Error {
    let message: String
}
