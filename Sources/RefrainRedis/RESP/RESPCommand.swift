import CHiredis
import NIOCore

/// An argument of a command.
enum RESPArgument: Hashable, Sendable, ExpressibleByStringLiteral {
    /// Text, as UTF-8.
    case text(String)
    /// Bytes of any kind.
    case bytes([UInt8])

    /// A number in decimal.
    static func integer(_ value: Int64) -> RESPArgument { .text(String(value)) }

    init(stringLiteral value: String) { self = .text(value) }

    /// How many bytes it has.
    var byteCount: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        }
    }
}

/// A command for a server.
struct RESPCommand: Hashable, Sendable {
    /// Its name, and what follows it.
    var arguments: [RESPArgument]

    init(_ arguments: RESPArgument...) { self.arguments = arguments }

    init(_ arguments: [RESPArgument]) { self.arguments = arguments }

    /// The bytes of its arguments, without what frames them.
    var byteCount: Int { self.arguments.reduce(0) { $0 + $1.byteCount } }

    /// Appends the command as a server reads it.
    ///
    /// hiredis copies the arguments once, and the buffer copies its result: two copies of a value.
    func write(into buffer: inout ByteBuffer) {
        var pointers: [UnsafePointer<CChar>?] = []
        var lengths: [Int] = []
        pointers.reserveCapacity(self.arguments.count)
        lengths.reserveCapacity(self.arguments.count)
        // Texts are short and may be many: one copy of all of them needs one address.
        var texts: [UInt8] = []
        for case .text(let text) in self.arguments { texts.append(contentsOf: text.utf8) }
        texts.withUnsafeBytes { texts in
            Self.withPointers(to: self.arguments[...], texts[...], &pointers, &lengths) { pointers, lengths in
                var formatted: UnsafeMutablePointer<CChar>?
                let count = refrain_command_format(&formatted, CInt(pointers.count), &pointers, lengths)
                defer { refrain_command_free(formatted) }
                // hiredis ends the process where memory is short, so there is nothing to report here.
                if let formatted, count > 0 {
                    buffer.writeBytes(UnsafeRawBufferPointer(start: formatted, count: Int(count)))
                }
            }
        }
    }

    /// Calls `body` while all arguments have an address. `texts` are those that are text, one after the other.
    ///
    /// It calls itself for arguments that are bytes, of which a command has one or two, and never for text: thousands of
    /// calls within one another would be more than a thread's stack holds.
    private static func withPointers(
        to arguments: ArraySlice<RESPArgument>, _ texts: Slice<UnsafeRawBufferPointer>,
        _ pointers: inout [UnsafePointer<CChar>?], _ lengths: inout [Int],
        _ body: (inout [UnsafePointer<CChar>?], [Int]) -> Void
    ) {
        func note(_ bytes: UnsafeRawBufferPointer) {
            // An empty one may have no address; hiredis reads none of its bytes.
            pointers.append(bytes.assumingMemoryBound(to: CChar.self).baseAddress ?? UnsafePointer(bitPattern: 1))
            lengths.append(bytes.count)
        }
        var texts = texts
        for index in arguments.indices {
            switch arguments[index] {
            case .text(let text):
                let count = text.utf8.count
                note(UnsafeRawBufferPointer(rebasing: texts.prefix(count)))
                texts = texts.dropFirst(count)
            case .bytes(let bytes):
                bytes.withUnsafeBytes { bytes in
                    note(bytes)
                    Self.withPointers(to: arguments[(index + 1)...], texts, &pointers, &lengths, body)
                }
                return
            }
        }
        body(&pointers, lengths)
    }
}
