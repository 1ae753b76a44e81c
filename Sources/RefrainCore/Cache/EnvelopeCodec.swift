import RefrainKeys

/// The bytes of an envelope, as tiers outside of the process keep them: `docs/envelope.md` describes each.
///
/// There is one encoding of an envelope with its body as it is (codec 0), and every such encoding that is accepted is
/// the one that would be written: decoding and encoding again gives the same bytes.
///
/// A body may also stand there made smaller (codecs 1 to 127). This module knows no way to do so: whoever does hands the
/// smaller body in and a ``BodyExpander`` for the way back, and the bytes may then differ where another version of that
/// way wrote them. Codecs from 128 on are frames around a whole envelope, and are refused here.
public struct EnvelopeCodec: Hashable, Sendable {
    /// The most bytes that an encoded envelope may have, by default 64 MiB: larger ones are neither written nor read.
    public var maximumBytes: Int

    /// Creates a codec.
    public init(maximumBytes: Int = 64 << 20) { self.maximumBytes = maximumBytes }

    /// The version that is written.
    public static let version: UInt8 = 1

    /// How every envelope and every frame around one begins: "RFRN".
    package static let magic: [UInt8] = [0x52, 0x46, 0x52, 0x4E]
    /// The codec of a body as it is.
    package static let plain: UInt8 = 0
    /// The codecs of a body that was made smaller.
    package static let compressed: ClosedRange<UInt8> = 1...127
    /// The fewest bytes that an envelope can have: two empty strings and no body.
    package static let minimumBytes = Self.fixedBytes + 4 + Self.checksumBytes
    static let hasCost: UInt8 = 1
    /// The bytes before the strings.
    static let fixedBytes = 160
    static let checksumBytes = 4
    /// The most bytes that a string may have: its length is written in two.
    static let maximumStringBytes = Int(UInt16.max)
}

// MARK: Encoding

extension EnvelopeCodec {
    /// The bytes of `envelope`.
    ///
    /// - Throws: ``EnvelopeError/Code/tooLarge`` where the whole, a string, a label or the number of something is over its
    ///   bound; ``EnvelopeError/Code/malformed`` where a count of tokens is negative, or the cost is not a number.
    /// - Complexity: Linear in the size. Allocates the result, once.
    public func encode(_ envelope: Envelope) throws(EnvelopeError) -> [UInt8] {
        try self.encode(envelope, body: envelope.body, codec: Self.plain)
    }

    /// The bytes of `envelope` with `stored` in place of its body.
    ///
    /// - Parameters:
    ///   - envelope: The envelope, with its body as it is.
    ///   - stored: The body made smaller: fewer bytes than it has itself.
    ///   - codec: How that was done: one of ``compressed``.
    /// - Throws: As ``encode(_:)``; the bound holds for the envelope with its body as it is, so that whether it can be
    ///   stored does not depend on how well it compresses. ``EnvelopeError/Code/unsupportedCodec`` and
    ///   ``EnvelopeError/Code/malformed`` for another codec, or a body that is not smaller.
    package func encode(
        _ envelope: Envelope, storing stored: [UInt8], codec: UInt8
    ) throws(EnvelopeError) -> [UInt8] {
        guard Self.compressed.contains(codec) else { throw EnvelopeError(.unsupportedCodec, "\(codec)") }
        guard stored.count < envelope.body.count else { throw EnvelopeError(.malformed, "a body not made smaller") }
        return try self.encode(envelope, body: stored, codec: codec)
    }

    private func encode(_ envelope: Envelope, body: [UInt8], codec: UInt8) throws(EnvelopeError) -> [UInt8] {
        let strings = try Self.strings(envelope)
        let stringBytes = strings.reduce(0) { $0 + 2 + $1.utf8.count }
        let headerBytes = Self.fixedBytes + stringBytes
        let expanded = headerBytes + envelope.body.count + Self.checksumBytes
        guard expanded <= self.maximumBytes else { throw EnvelopeError(.tooLarge, "\(expanded) bytes") }

        let details = envelope.details
        let tokens = Self.tokens(details.usage)
        guard tokens.allSatisfy({ $0 >= 0 }) else { throw EnvelopeError(.malformed, "a negative count of tokens") }
        guard details.cost?.isFinite != false else { throw EnvelopeError(.malformed, "a cost that is not a number") }

        var output: [UInt8] = []
        output.reserveCapacity(headerBytes + body.count + Self.checksumBytes)
        output += Self.magic
        output += [Self.version, codec, envelope.form.rawValue, details.cost == nil ? 0 : Self.hasCost]
        Self.append(UInt32(headerBytes), to: &output)
        Self.append(details.upstreamMilliseconds, to: &output)
        envelope.key.withUnsafeBytes { output.append(contentsOf: $0) }
        Self.append(envelope.created.milliseconds, to: &output)
        Self.append(envelope.freshUntil.milliseconds, to: &output)
        Self.append(envelope.staleUntil.milliseconds, to: &output)
        Self.append(envelope.generation.epoch, to: &output)
        Self.append(envelope.generation.clock, to: &output)
        for count in tokens { Self.append(Int64(count), to: &output) }
        Self.append(details.cost?.bitPattern ?? 0, to: &output)
        Self.append(UInt64(envelope.body.count), to: &output)
        Self.append(UInt64(body.count), to: &output)
        for count in [envelope.labels.count, details.toolUseIDs.count, envelope.headers.count, 0] {
            Self.append(UInt16(count), to: &output)
        }
        for string in strings {
            Self.append(UInt16(string.utf8.count), to: &output)
            output.append(contentsOf: string.utf8)
        }
        output += body
        Self.append(output.withUnsafeBytes { CRC32C.checksum($0) }, to: &output)
        return output
    }

    /// The strings of an envelope in their order, each and their numbers within their bounds.
    private static func strings(_ envelope: Envelope) throws(EnvelopeError) -> [String] {
        let details = envelope.details
        guard envelope.labels.count <= Label.maximumCount else {
            throw EnvelopeError(.tooLarge, "\(envelope.labels.count) labels")
        }
        guard details.toolUseIDs.count <= UInt16.max else {
            throw EnvelopeError(.tooLarge, "\(details.toolUseIDs.count) tool use ids")
        }
        guard envelope.headers.count <= UInt16.max else {
            throw EnvelopeError(.tooLarge, "\(envelope.headers.count) headers")
        }
        var strings = [details.requestedModel, details.answeringModel]
        for label in envelope.labels {
            guard label.description.utf8.count <= Label.maximumBytes else { throw EnvelopeError(.tooLarge, "a label") }
            strings.append(label.description)
        }
        strings += details.toolUseIDs
        for header in envelope.headers { strings += [header.name, header.value] }
        for string in strings where string.utf8.count > Self.maximumStringBytes {
            throw EnvelopeError(.tooLarge, "a string of \(string.utf8.count) bytes")
        }
        return strings
    }

    private static func tokens(_ usage: Usage) -> [Int] {
        [
            usage.inputTokens, usage.outputTokens, usage.cacheReadTokens, usage.cacheWrite5mTokens,
            usage.cacheWrite1hTokens,
        ]
    }

    private static func append(_ value: some FixedWidthInteger, to output: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { output.append(contentsOf: $0) }
    }
}
