public import RefrainKeys

extension EnvelopeCodec {
    /// The envelope that `bytes` are, stored under `key`.
    ///
    /// - Throws: ``EnvelopeError`` with the first thing found wrong. Nothing is allocated before the sizes that the bytes
    ///   announce are known to be those that are there, and the checksum to be right.
    /// - Complexity: Linear in the size; the body is copied once.
    public func decode(_ bytes: [UInt8], for key: RequestKey) throws(EnvelopeError) -> Envelope {
        var result: Result<Envelope, EnvelopeError>?
        bytes.withUnsafeBytes { bytes in
            do throws(EnvelopeError) {
                result = .success(try self.decode(bytes, for: key))
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { throw EnvelopeError(.truncated, "0 bytes") }
        return try result.get()
    }

    /// The envelope that `bytes` are, stored under `key`: for bytes that stand in a larger buffer.
    public func decode(_ bytes: UnsafeRawBufferPointer, for key: RequestKey) throws(EnvelopeError) -> Envelope {
        guard bytes.count <= self.maximumBytes else { throw EnvelopeError(.tooLarge, "\(bytes.count) bytes") }
        guard bytes.prefix(Self.magic.count).elementsEqual(Self.magic.prefix(bytes.count)) else {
            throw EnvelopeError(.notAnEnvelope, "the magic number")
        }
        guard bytes.count >= Self.fixedBytes + Self.checksumBytes else {
            throw EnvelopeError(.truncated, "\(bytes.count) bytes")
        }
        guard bytes[4] == Self.version else { throw EnvelopeError(.unsupportedVersion, "\(bytes[4])") }
        guard bytes[5] == Self.plain else { throw EnvelopeError(.unsupportedCodec, "\(bytes[5])") }

        let headerBytes = UInt64(EnvelopeReader.load(UInt32.self, from: bytes, at: 8))
        let rawBytes = EnvelopeReader.load(UInt64.self, from: bytes, at: 136)
        let bodyBytes = EnvelopeReader.load(UInt64.self, from: bytes, at: 144)
        guard headerBytes >= Self.fixedBytes else { throw EnvelopeError(.malformed, "the header's length") }
        guard bodyBytes == rawBytes else { throw EnvelopeError(.malformed, "the body's length") }
        let (sum, overflow) = bodyBytes.addingReportingOverflow(headerBytes + UInt64(Self.checksumBytes))
        guard !overflow, sum <= bytes.count else { throw EnvelopeError(.truncated, "\(bytes.count) bytes") }
        guard sum == bytes.count else { throw EnvelopeError(.trailingBytes, "\(UInt64(bytes.count) - sum) bytes") }

        let checked = UnsafeRawBufferPointer(rebasing: bytes.dropLast(Self.checksumBytes))
        guard EnvelopeReader.load(UInt32.self, from: bytes, at: checked.count) == CRC32C.checksum(checked) else {
            throw EnvelopeError(.checksum, "the checksum")
        }
        guard key.withUnsafeBytes({ $0.elementsEqual(bytes[16..<48]) }) else {
            throw EnvelopeError(.wrongKey, "the key")
        }
        let header = UnsafeRawBufferPointer(rebasing: checked.prefix(Int(headerBytes)))
        let body = UnsafeRawBufferPointer(rebasing: checked.dropFirst(Int(headerBytes)))
        var reader = EnvelopeReader(header: header, at: Self.fixedBytes)
        return try reader.envelope(key: key, body: body)
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

    mutating func envelope(key: RequestKey, body: UnsafeRawBufferPointer) throws(EnvelopeError) -> Envelope {
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
            labels: labels, details: details, headers: headers, body: [UInt8](body))
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
