public import RefrainKeys

extension EnvelopeCodec {
    /// The envelope that `bytes` are, stored under `key`.
    ///
    /// - Throws: ``EnvelopeError`` with the first thing found wrong. Nothing is allocated before the sizes that the bytes
    ///   announce are known to be those that are there, and the checksum to be right.
    /// - Complexity: Linear in the size; the body is copied once.
    public func decode(_ bytes: [UInt8], for key: RequestKey) throws(EnvelopeError) -> Envelope {
        try self.decode(bytes, for: key, expanding: nil)
    }

    /// The envelope that `bytes` are, stored under `key`: for bytes that stand in a larger buffer.
    public func decode(_ bytes: UnsafeRawBufferPointer, for key: RequestKey) throws(EnvelopeError) -> Envelope {
        try self.decode(bytes, for: key, expanding: nil)
    }

    /// The envelope that `bytes` are, stored under `key`, its body as it is or in a form that `expander` knows.
    package func decode(
        _ bytes: [UInt8], for key: RequestKey, expanding expander: BodyExpander?
    ) throws(EnvelopeError) -> Envelope {
        var result: Result<Envelope, EnvelopeError>?
        bytes.withUnsafeBytes { bytes in
            do throws(EnvelopeError) {
                result = .success(try self.decode(bytes, for: key, expanding: expander))
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { throw EnvelopeError(.truncated, "0 bytes") }
        return try result.get()
    }

    /// The envelope that `bytes` are, stored under `key`, its body as it is or in a form that `expander` knows: for bytes
    /// that stand in a larger buffer.
    package func decode(
        _ bytes: UnsafeRawBufferPointer, for key: RequestKey, expanding expander: BodyExpander?
    ) throws(EnvelopeError) -> Envelope {
        guard bytes.count <= self.maximumBytes else { throw EnvelopeError(.tooLarge, "\(bytes.count) bytes") }
        guard bytes.prefix(Self.magic.count).elementsEqual(Self.magic.prefix(bytes.count)) else {
            throw EnvelopeError(.notAnEnvelope, "the magic number")
        }
        guard bytes.count >= Self.fixedBytes + Self.checksumBytes else {
            throw EnvelopeError(.truncated, "\(bytes.count) bytes")
        }
        guard bytes[4] == Self.version else { throw EnvelopeError(.unsupportedVersion, "\(bytes[4])") }
        let codec = bytes[5]
        guard codec == Self.plain || Self.compressed.contains(codec) && expander?.codecs.contains(codec) == true else {
            throw EnvelopeError(.unsupportedCodec, "\(codec)")
        }

        let lengths = try EnvelopeLengths(fixed: bytes, codec: codec)
        guard let total = lengths.total, total <= bytes.count else {
            throw EnvelopeError(.truncated, "\(bytes.count) bytes")
        }
        guard total == bytes.count else { throw EnvelopeError(.trailingBytes, "\(bytes.count - total) bytes") }
        guard let expanded = lengths.expanded, expanded <= self.maximumBytes else {
            throw EnvelopeError(.tooLarge, "the body's length")
        }

        let checked = UnsafeRawBufferPointer(rebasing: bytes.dropLast(Self.checksumBytes))
        guard EnvelopeReader.load(UInt32.self, from: bytes, at: checked.count) == CRC32C.checksum(checked) else {
            throw EnvelopeError(.checksum, "the checksum")
        }
        guard key.withUnsafeBytes({ $0.elementsEqual(bytes[16..<48]) }) else {
            throw EnvelopeError(.wrongKey, "the key")
        }
        // Both fit: what was compared with the number of bytes that are there is at least as large.
        let header = UnsafeRawBufferPointer(rebasing: checked.prefix(Int(lengths.header)))
        let stored = UnsafeRawBufferPointer(rebasing: checked.dropFirst(Int(lengths.header)))
        let rawLength = Int(lengths.raw)
        var reader = EnvelopeReader(header: header, at: Self.fixedBytes)
        return try reader.envelope(key: key) { () throws(EnvelopeError) -> [UInt8] in
            guard codec != Self.plain, let expander else { return [UInt8](stored) }
            let body = try expander.expand(codec, stored, rawLength)
            guard body.count == rawLength else { throw EnvelopeError(.malformed, "the body's length") }
            return body
        }
    }

    /// The length of the whole envelope that begins with `prefix`; nil where those bytes do not tell, are not the
    /// beginning of an envelope with one of `codecs`, or contradict themselves.
    package static func announcedBytes(_ prefix: [UInt8], codecs: [UInt8]) -> Int? {
        prefix.withUnsafeBytes { prefix in
            guard prefix.count >= Self.fixedBytes, prefix.starts(with: Self.magic), prefix[4] == Self.version,
                prefix[5] == Self.plain || Self.compressed.contains(prefix[5]) && codecs.contains(prefix[5])
            else { return nil }
            do throws(EnvelopeError) {
                return try EnvelopeLengths(fixed: prefix, codec: prefix[5]).total
            } catch {
                return nil
            }
        }
    }
}

/// Makes a body that was stored smaller what it was.
package struct BodyExpander: Sendable {
    /// Returns the `rawLength` bytes that `stored` stands for, or throws. It is called once everything else in the
    /// envelope is found right, and `rawLength` to be within its bound.
    package typealias Expand =
        @Sendable (_ codec: UInt8, _ stored: UnsafeRawBufferPointer, _ rawLength: Int) throws(EnvelopeError) -> [UInt8]

    /// The codecs that it knows.
    let codecs: [UInt8]
    let expand: Expand

    /// Creates an expander of some codecs.
    package init(codecs: [UInt8], expand: @escaping Expand) {
        self.codecs = codecs
        self.expand = expand
    }
}

/// The lengths that an envelope announces, which fit one another, but perhaps not the bytes that are there.
private struct EnvelopeLengths {
    let header: UInt64
    let stored: UInt64
    let raw: UInt64

    /// Reads the lengths from the first ``EnvelopeCodec/fixedBytes`` bytes.
    init(fixed bytes: UnsafeRawBufferPointer, codec: UInt8) throws(EnvelopeError) {
        self.header = UInt64(EnvelopeReader.load(UInt32.self, from: bytes, at: 8))
        self.raw = EnvelopeReader.load(UInt64.self, from: bytes, at: 136)
        self.stored = EnvelopeReader.load(UInt64.self, from: bytes, at: 144)
        guard self.header >= EnvelopeCodec.fixedBytes else { throw EnvelopeError(.malformed, "the header's length") }
        guard codec == EnvelopeCodec.plain ? self.stored == self.raw : self.stored < self.raw else {
            throw EnvelopeError(.malformed, "the body's length")
        }
    }

    /// The bytes of the whole; nil where that is no number that an array can have.
    var total: Int? { self.total(self.stored) }

    /// The bytes that the whole would have with its body as it is.
    var expanded: Int? { self.total(self.raw) }

    private func total(_ body: UInt64) -> Int? {
        let (sum, overflow) = body.addingReportingOverflow(self.header + UInt64(EnvelopeCodec.checksumBytes))
        return overflow ? nil : Int(exactly: sum)
    }
}

/// Reads the header of an envelope whose lengths, checksum and key are right, and trusts nothing else in it.
private struct EnvelopeReader {
    private let header: UnsafeRawBufferPointer
    private var position: Int

    init(header: UnsafeRawBufferPointer, at position: Int) {
        self.header = header
        self.position = position
    }

    static func load<Value: FixedWidthInteger>(
        _: Value.Type, from bytes: UnsafeRawBufferPointer, at offset: Int
    ) -> Value {
        Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    private func integer(_ offset: Int) -> Int64 { Self.load(Int64.self, from: self.header, at: offset) }

    private func timestamp(_ offset: Int) -> Timestamp { Timestamp(milliseconds: self.integer(offset)) }

    private func tokens(_ offset: Int) throws(EnvelopeError) -> Int {
        guard let count = Int(exactly: self.integer(offset)), count >= 0 else {
            throw EnvelopeError(.malformed, "a count of tokens")
        }
        return count
    }

    private func count(_ offset: Int) -> Int { Int(Self.load(UInt16.self, from: self.header, at: offset)) }

    /// The envelope; `body` is called last, when the header is found right.
    mutating func envelope(
        key: RequestKey, body: () throws(EnvelopeError) -> [UInt8]
    ) throws(EnvelopeError) -> Envelope {
        guard let form = Envelope.Form(rawValue: self.header[6]) else { throw EnvelopeError(.malformed, "the form") }
        let cost = try self.cost()
        let usage = Usage(
            inputTokens: try self.tokens(88), outputTokens: try self.tokens(96), cacheReadTokens: try self.tokens(104),
            cacheWrite5mTokens: try self.tokens(112), cacheWrite1hTokens: try self.tokens(120))
        guard self.timestamp(56) <= self.timestamp(64) else { throw EnvelopeError(.malformed, "the stale time") }
        guard self.count(158) == 0 else { throw EnvelopeError(.malformed, "the reserved bytes") }

        var details = Envelope.Details(
            requestedModel: try self.string("the requested model"),
            answeringModel: try self.string("the answering model"), usage: usage, cost: cost,
            upstreamMilliseconds: Self.load(UInt32.self, from: self.header, at: 12))
        guard self.count(152) <= Label.maximumCount else { throw EnvelopeError(.tooLarge, "the number of labels") }
        let labels = try self.strings(self.count(152), "a label").map(Label.init(stored:))
        guard labels.allSatisfy({ $0.description.utf8.count <= Label.maximumBytes }) else {
            throw EnvelopeError(.tooLarge, "a label")
        }
        details.toolUseIDs = try self.strings(self.count(154), "a tool use id")
        let fields = try self.strings(2 * self.count(156), "a header")
        let headers = stride(from: 0, to: fields.count, by: 2).map { HTTPHeader(fields[$0], fields[$0 + 1]) }
        // A name in upper case would be lowered, and the envelope be written differently from how it was read.
        guard headers.indices.allSatisfy({ headers[$0].name.utf8.elementsEqual(fields[2 * $0].utf8) }) else {
            throw EnvelopeError(.malformed, "a header's name")
        }
        guard self.position == self.header.count else { throw EnvelopeError(.malformed, "the header's length") }

        return Envelope(
            key: key, form: form, created: self.timestamp(48), freshUntil: self.timestamp(56),
            staleUntil: self.timestamp(64),
            generation: GenerationStamp(
                epoch: Self.load(UInt64.self, from: self.header, at: 72),
                clock: Self.load(UInt64.self, from: self.header, at: 80)),
            labels: labels, details: details, headers: headers, body: try body())
    }

    private func cost() throws(EnvelopeError) -> Double? {
        let bits = Self.load(UInt64.self, from: self.header, at: 128)
        switch self.header[7] {
        case 0 where bits == 0: return nil
        case EnvelopeCodec.hasCost where Double(bitPattern: bits).isFinite: return Double(bitPattern: bits)
        case 0, EnvelopeCodec.hasCost: throw EnvelopeError(.malformed, "the cost")
        default: throw EnvelopeError(.malformed, "the flags")
        }
    }

    private mutating func strings(_ count: Int, _ what: String) throws(EnvelopeError) -> [String] {
        // Each takes two bytes at least: a count that cannot be met allocates nothing.
        guard count <= (self.header.count - self.position) / 2 else { throw EnvelopeError(.malformed, what) }
        var strings: [String] = []
        strings.reserveCapacity(count)
        for _ in 0..<count { strings.append(try self.string(what)) }
        return strings
    }

    private mutating func string(_ what: String) throws(EnvelopeError) -> String {
        guard self.header.count - self.position >= 2 else { throw EnvelopeError(.malformed, what) }
        let count = Int(Self.load(UInt16.self, from: self.header, at: self.position))
        let start = self.position + 2
        guard self.header.count - start >= count else { throw EnvelopeError(.malformed, what) }
        self.position = start + count
        let bytes = UnsafeRawBufferPointer(rebasing: self.header[start..<self.position])
        guard let string = String(validating: bytes, as: UTF8.self) else { throw EnvelopeError(.malformed, what) }
        return string
    }
}
