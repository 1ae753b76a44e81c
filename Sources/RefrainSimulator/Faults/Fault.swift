import RefrainCore

/// Something that goes wrong with one request, on purpose.
///
/// As text (the `x-simulator-fault` header, `refrain simulate --fault`), a fault is a name and, after a colon, its
/// argument: `rate-limit:2`, `overloaded`, `cut:5`, `drip:7/20ms`. ``description`` writes the same.
public struct Fault: Hashable, Sendable, CustomStringConvertible {
    enum Kind: Hashable {
        case rateLimit(retryAfter: Int?)
        case spendLimit
        case error(status: Int)
        case hang(afterEvents: Int?)
        case reset(afterEvents: Int?)
        case truncate(afterEvents: Int)
        case cut(afterEvents: Int)
        case errorEvent(afterEvents: Int)
        case drip(bytes: Int, interval: Duration)
        case delay(Duration)
    }

    let kind: Kind

    private init(_ kind: Kind) { self.kind = kind }

    /// 429 `rate_limit_error`, with a `retry-after` of whole seconds unless it is nil.
    public static func rateLimit(retryAfter: Int?) -> Fault {
        Fault(.rateLimit(retryAfter: retryAfter.map { max(0, $0) }))
    }
    /// 429 for a spend limit: without `retry-after`, with `x-should-retry: false`, since a retry is futile.
    public static let spendLimit = Fault(.spendLimit)
    /// The error of any status that the API documents; an unknown one of 400 to 499 is an `invalid_request_error`, any
    /// other an `api_error`. A status outside of 400 to 599 becomes 500.
    public static func error(status: Int) -> Fault {
        Fault(.error(status: (400..<600).contains(status) ? status : 500))
    }
    /// 500 `api_error`.
    public static let internalError = Fault.error(status: 500)
    /// 529 `overloaded_error`.
    public static let overloaded = Fault.error(status: 529)
    /// Nothing more is sent after that many events, and the connection stays open; nil: not even a head.
    public static func hang(afterEvents events: Int? = nil) -> Fault {
        Fault(.hang(afterEvents: events.map { max(0, $0) }))
    }
    /// The connection is reset (TCP RST) after that many events; nil: before a head.
    public static func reset(afterEvents events: Int? = nil) -> Fault {
        Fault(.reset(afterEvents: events.map { max(0, $0) }))
    }
    /// The response ends as if it were complete after that many events: a proper last chunk, no `message_stop`.
    public static func truncate(afterEvents events: Int) -> Fault { Fault(.truncate(afterEvents: max(0, events))) }
    /// The connection is closed after that many events, without the last chunk.
    public static func cut(afterEvents events: Int) -> Fault { Fault(.cut(afterEvents: max(0, events))) }
    /// The stream ends with an `error` event (`overloaded_error`) after that many events.
    public static func errorEvent(afterEvents events: Int) -> Fault { Fault(.errorEvent(afterEvents: max(0, events))) }
    /// The body arrives that many bytes at a time, with a pause after each.
    public static func drip(bytes: Int, every interval: Duration) -> Fault {
        Fault(.drip(bytes: max(1, bytes), interval: max(.zero, interval)))
    }
    /// The head waits this long.
    public static func delay(_ duration: Duration) -> Fault { Fault(.delay(max(.zero, duration))) }

    /// The fault as text.
    public var description: String {
        func text(_ name: String, _ argument: Int?) -> String { argument.map { "\(name):\($0)" } ?? name }
        return switch self.kind {
        case .rateLimit(let seconds): "rate-limit:" + (seconds.map { String($0) } ?? "none")
        case .spendLimit: "spend-limit"
        case .error(500): "error"
        case .error(529): "overloaded"
        case .error(let status): "error:\(status)"
        case .hang(let events): text("hang", events)
        case .reset(let events): text("reset", events)
        case .truncate(let events): text("truncate", events)
        case .cut(let events): text("cut", events)
        case .errorEvent(let events): text("error-event", events)
        case .drip(let bytes, let interval): "drip:\(bytes)/\(interval.wholeMilliseconds)ms"
        case .delay(let duration): "delay:\(duration.wholeMilliseconds)ms"
        }
    }

    /// The fault that `text` describes.
    ///
    /// - Throws: ``FaultSyntaxError`` where it describes none.
    public init(parsing text: some StringProtocol) throws(FaultSyntaxError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0].lowercased()
        let argument = parts.count > 1 ? String(parts[1]) : nil
        func count(_ fallback: Int) throws(FaultSyntaxError) -> Int { try Self.count(argument, of: text) ?? fallback }
        switch name {
        case "rate-limit" where argument == "none": self = .rateLimit(retryAfter: nil)
        case "rate-limit": self = .rateLimit(retryAfter: try count(1))
        case "spend-limit" where argument == nil: self = .spendLimit
        case "overloaded" where argument == nil: self = .overloaded
        case "error":
            let status = try count(500)
            guard (400..<600).contains(status) else { throw FaultSyntaxError(text) }
            self = .error(status: status)
        case "hang": self = .hang(afterEvents: try Self.count(argument, of: text))
        case "reset": self = .reset(afterEvents: try Self.count(argument, of: text))
        case "truncate": self = .truncate(afterEvents: try count(4))
        case "cut": self = .cut(afterEvents: try count(4))
        case "error-event": self = .errorEvent(afterEvents: try count(4))
        case "delay": self = .delay(try Self.duration(argument ?? "1s", of: text))
        case "drip":
            let pair = (argument ?? "1/10ms").split(separator: "/", maxSplits: 1).map(String.init)
            guard pair.count == 2, let bytes = Int(pair[0]), bytes > 0 else { throw FaultSyntaxError(text) }
            self = .drip(bytes: bytes, every: try Self.duration(pair[1], of: text))
        default: throw FaultSyntaxError(text)
        }
    }

    private static func count(_ argument: String?, of text: some StringProtocol) throws(FaultSyntaxError) -> Int? {
        guard let argument else { return nil }
        guard let count = Int(argument), count >= 0 else { throw FaultSyntaxError(text) }
        return count
    }

    private static func duration(_ argument: String, of text: some StringProtocol) throws(FaultSyntaxError) -> Duration
    {
        let isMilliseconds = argument.hasSuffix("ms")
        let number =
            argument.hasSuffix("ms") ? argument.dropLast(2) : argument.hasSuffix("s") ? argument.dropLast() : "-"
        guard let value = Int(number), (0...86_400_000).contains(value) else { throw FaultSyntaxError(text) }
        return isMilliseconds ? .milliseconds(value) : .seconds(value)
    }
}

/// A text that describes no fault.
public struct FaultSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text.
    public let text: String

    init(_ text: some StringProtocol) { self.text = String(text) }

    /// What was wrong, and what a fault looks like.
    public var description: String {
        "\"\(self.text)\" is no fault: expected one of rate-limit[:SECONDS|:none], spend-limit, overloaded, "
            + "error[:STATUS], hang[:EVENTS], reset[:EVENTS], truncate[:EVENTS], cut[:EVENTS], error-event[:EVENTS], "
            + "drip[:BYTES/DURATION], delay[:DURATION], then optionally *COUNT, /EVERY or @RATE"
    }
}
