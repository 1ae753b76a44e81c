import NIOCore

/// A reply of a Redis server, RESP2, as the test support reads it: without the code under test.
enum WireReply: Hashable, Sendable {
    case simple(String)
    case error(String)
    case integer(Int)
    case bulk([UInt8]?)
    case array([WireReply]?)

    /// The bytes are no reply.
    struct Malformed: Error { var bytes: String }

    /// What `redis-cli --raw` would print: nil is the empty string, and the elements of an array are lines.
    var text: String {
        switch self {
        case .simple(let text), .error(let text): text
        case .integer(let number): String(number)
        case .bulk(let bytes): String(decoding: bytes ?? [], as: UTF8.self)
        case .array(let elements): (elements ?? []).map(\.text).joined(separator: "\n")
        }
    }

    /// Takes the first reply from `buffer`; nil, and nothing taken, where it is not complete yet.
    static func take(from buffer: inout ByteBuffer) throws -> WireReply? {
        var copy = buffer
        guard let reply = try Self.read(&copy) else { return nil }
        buffer = copy
        return reply
    }

    private static func read(_ buffer: inout ByteBuffer) throws -> WireReply? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = buffer.readString(length: end + 1 - buffer.readerIndex) ?? ""
        guard let kind = line.utf8.first, line.utf8.dropLast().last == UInt8(ascii: "\r") else {
            throw Malformed(bytes: line)
        }
        let rest = String(line.unicodeScalars.dropFirst().dropLast(2))
        switch kind {
        case UInt8(ascii: "+"): return .simple(rest)
        case UInt8(ascii: "-"): return .error(rest)
        case UInt8(ascii: ":"):
            guard let number = Int(rest) else { throw Malformed(bytes: line) }
            return .integer(number)
        case UInt8(ascii: "$"):
            guard let length = Int(rest), length >= -1 else { throw Malformed(bytes: line) }
            guard length >= 0 else { return .bulk(nil) }
            guard buffer.readableBytes - 2 >= length else { return nil }
            let bytes = buffer.readBytes(length: length)
            guard buffer.readString(length: 2) == "\r\n" else { throw Malformed(bytes: line) }
            return .bulk(bytes)
        case UInt8(ascii: "*"):
            guard let count = Int(rest), count >= -1 else { throw Malformed(bytes: line) }
            guard count >= 0 else { return .array(nil) }
            var elements: [WireReply] = []
            for _ in 0..<count {
                guard let element = try Self.read(&buffer) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        default: throw Malformed(bytes: line)
        }
    }
}
