/// An operation whose time is measured, and what its time is compared with.
public struct LatencyCase: Sendable {
    /// What part of the project it belongs to.
    public enum Part: String, Sendable, CaseIterable {
        /// The key of a request, from its bytes.
        case keys
        /// Hits in memory.
        case memory
        /// Calls of the client that memory answers.
        case client
        /// Server-sent events.
        case streams
        /// What stores hold.
        case envelopes
        /// Callers that share an upstream call.
        case flights
        /// The shared tier.
        case redis
        /// The drop-in server.
        case gateway
    }

    /// Does the operation so many times, one after the other.
    ///
    /// It throws where a result is wrong, so what is measured is known to have been done.
    public typealias Operation = @Sendable (_ count: Int) async throws -> Void

    /// An operation that others are compared with.
    public struct Reference: Sendable {
        /// What it is, as in "SHA-256 of the body".
        public let name: String
        /// The operation.
        public let operation: Operation

        /// Creates a reference.
        public init(_ name: String, operation: @escaping Operation) {
            self.name = name
            self.operation = operation
        }
    }

    /// What is to be reached.
    public enum Aim: Hashable, Sendable {
        /// A median of at most so many nanoseconds.
        case median(Double)
        /// A median of at most so many times that of the reference, and so many nanoseconds.
        case ratio(Double, plus: Double)
        /// At least so many bytes a second, by the median.
        case throughput(Double)
    }

    /// What part of the project it belongs to.
    public let part: Part
    /// What is done, as in "key, chat 1 KB".
    public let name: String
    /// The bytes that one operation goes through; nil where that says nothing.
    public let bytes: Int?
    /// What it is compared with, if anything.
    public let reference: Reference?
    /// What is to be reached, if anything is set.
    public let aim: Aim?
    /// The operation.
    public let operation: Operation

    /// Creates a case.
    public init(
        _ part: Part, _ name: String, bytes: Int? = nil, reference: Reference? = nil, aim: Aim? = nil,
        operation: @escaping Operation
    ) {
        self.part = part
        self.name = name
        self.bytes = bytes
        self.reference = reference
        self.aim = aim
        self.operation = operation
    }

    /// The cases of those parts that need no server: of `redis` and `gateway` there are none here.
    ///
    /// - Parameter parts: What is wanted. The samples of nothing else are made.
    /// - Throws: `BenchError` where a sample cannot be made, which a test excludes.
    public static func inProcess(_ parts: [Part] = Part.allCases) async throws -> [LatencyCase] {
        var cases: [LatencyCase] = []
        for part in parts {
            switch part {
            case .keys: cases += self.keys()
            case .memory: cases += try await self.memory()
            case .client: cases += try await self.client()
            case .streams: cases += try self.streams()
            case .envelopes: cases += try self.envelopes()
            case .flights: cases.append(self.flight())
            case .redis, .gateway: break
            }
        }
        return cases
    }
}

extension LatencyCase.Aim {
    /// Whether it is reached.
    ///
    /// - Parameters:
    ///   - median: The operation's median, in nanoseconds.
    ///   - reference: The median of the reference, in nanoseconds.
    ///   - bytes: The bytes that one operation goes through.
    func isMet(median: Double, reference: Double?, bytes: Int?) -> Bool {
        switch self {
        case .median(let most): median <= most
        case .ratio(let ratio, let plus): reference.map { median <= ratio * $0 + plus } ?? false
        case .throughput(let least): bytes.map { Double($0) / median * 1e9 >= least } ?? false
        }
    }
}

extension LatencyCase.Aim: CustomStringConvertible {
    /// As in "1.6 x reference + 300 ns".
    public var description: String {
        func time(_ nanoseconds: Double) -> String { BenchReport.Format.nanoseconds.text(nanoseconds) }
        return switch self {
        case .median(let most): "\(time(most)) at most"
        case .ratio(let ratio, plus: 0): "\(ratio) x reference at most"
        case .ratio(let ratio, let plus): "\(ratio) x reference + \(time(plus)) at most"
        case .throughput(let least): "\(BenchReport.Format.bytes.text(least))/s at least"
        }
    }
}
