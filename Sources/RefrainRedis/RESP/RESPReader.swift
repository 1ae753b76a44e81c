import CHiredis

/// Reads the replies of a server from its bytes, in chunks of any size, with hiredis.
///
/// Not `Sendable`: it belongs to one connection. A reply is bounded before memory is taken for it: see ``RESPLimits``.
/// After an error it throws that error for ever, since nobody knows where the next reply would begin.
final class RESPReader {
    /// What hiredis reports to. The C reader keeps an unretained pointer to it, which is good as long as this object
    /// lives, and the C reader ends with it.
    private let builder: RESPBuilder
    /// Owned by this object: made in `init`, freed in `deinit`, and never handed on.
    private let reader: OpaquePointer?
    private var failure: RESPError?

    /// Creates a reader of a connection that was just opened.
    init(limits: RESPLimits = RESPLimits()) {
        self.builder = RESPBuilder(limits: limits)
        self.reader = refrain_reader_create(Self.sink, Unmanaged.passUnretained(self.builder).toOpaque())
        if self.reader == nil { self.failure = RESPError(code: .outOfMemory) }
    }

    deinit { if let reader = self.reader { refrain_reader_free(reader) } }

    /// The bytes that were fed and are no whole reply yet.
    var heldByteCount: Int { self.reader.map(refrain_reader_held) ?? 0 }

    /// Takes the next bytes of the connection.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(RESPError) {
        if let failure { throw failure }
        guard let reader = self.reader, let start = bytes.baseAddress, bytes.count > 0 else { return }
        guard refrain_reader_feed(reader, start, bytes.count) != 0 else { throw self.fail(.outOfMemory) }
    }

    /// The next whole reply; nil where more bytes are needed.
    func next() throws(RESPError) -> RESPValue? {
        if let failure { throw failure }
        guard let reader = self.reader else { return nil }
        switch refrain_reader_next(reader) {
        case refrain_read_reply:
            guard let reply = self.builder.takeReply() else { throw self.fail(.protocolViolation) }
            return reply
        case refrain_read_more:
            try self.checkWhatIsHeld(by: reader)
            return nil
        default: throw self.fail(self.builder.failure ?? .protocolViolation)
        }
    }

    /// Refuses what will be too large before it is there.
    private func checkWhatIsHeld(by reader: OpaquePointer) throws(RESPError) {
        let announced = refrain_reader_announced(reader)
        if announced >= 0 {
            guard announced <= self.builder.bytesLeft else { throw self.fail(.tooLarge) }
        } else if refrain_reader_held(reader) > self.builder.limits.maximumLineBytes {
            throw self.fail(.tooLarge)
        }
    }

    private func fail(_ code: RESPError.Code) -> RESPError {
        let error = RESPError(code: code)
        self.failure = error
        return error
    }

    private static let sink = refrain_reply_sink(
        string: { context, kind, bytes, count in
            RESPReader.report(to: context) { builder in
                let text = UnsafeRawBufferPointer(start: bytes, count: count)
                return builder.add(count) {
                    switch kind {
                    case refrain_string_simple: .simple(String(decoding: text, as: UTF8.self))
                    case refrain_string_error: .error(String(decoding: text, as: UTF8.self))
                    default: .bulk([UInt8](text))
                    }
                }
            }
        },
        array: { context, count in
            RESPReader.report(to: context) { $0.begin(Int(clamping: count)) }
        },
        integer: { context, value in
            RESPReader.report(to: context) { $0.add(0) { .integer(value) } }
        },
        null: { context, isArray in
            RESPReader.report(to: context) { $0.add(0) { isArray != 0 ? .array(nil) : .bulk(nil) } }
        })

    /// The builder behind the pointer that hiredis keeps: it is called from within ``next()`` alone, so the builder lives.
    private static func report(to context: UnsafeMutableRawPointer, _ body: (RESPBuilder) -> Bool) -> CInt {
        body(Unmanaged<RESPBuilder>.fromOpaque(context).takeUnretainedValue()) ? 1 : 0
    }
}
