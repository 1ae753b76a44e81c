import RefrainKeys

/// The bytes of an envelope, as tiers outside of the process keep them: `docs/envelope.md` describes each.
///
/// There is one encoding of an envelope, and every encoding that is accepted is the one that would be written: decoding
/// and encoding again gives the same bytes.
///
/// Version 1 keeps the body as it is. Codec ids other than 0 are reserved for compression (1 to 127) and sealing (128
/// to 255).
public struct EnvelopeCodec: Hashable, Sendable {
    /// The most bytes that an encoded envelope may have, by default 64 MiB: larger ones are neither written nor read.
    public var maximumBytes: Int

    /// Creates a codec.
    public init(maximumBytes: Int = 64 << 20) { self.maximumBytes = maximumBytes }

    /// The version that is written.
    public static let version: UInt8 = 1

    static let magic: [UInt8] = [0x52, 0x46, 0x52, 0x4E]
    static let plain: UInt8 = 0
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
        let strings = try Self.strings(envelope)
        let stringBytes = strings.reduce(0) { $0 + 2 + $1.utf8.count }
        let headerBytes = Self.fixedBytes + stringBytes
        let total = headerBytes + envelope.body.count + Self.checksumBytes
        guard total <= self.maximumBytes else { throw EnvelopeError(.tooLarge, "\(total) bytes") }

        let details = envelope.details
        let tokens = Self.tokens(details.usage)
        guard tokens.allSatisfy({ $0 >= 0 }) else { throw EnvelopeError(.malformed, "a negative count of tokens") }
        guard details.cost?.isFinite != false else { throw EnvelopeError(.malformed, "a cost that is not a number") }

        var output: [UInt8] = []
        output.reserveCapacity(total)
        output += Self.magic
        output += [Self.version, Self.plain, envelope.form.rawValue, details.cost == nil ? 0 : Self.hasCost]
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
        Self.append(UInt64(envelope.body.count), to: &output)
        for count in [envelope.labels.count, details.toolUseIDs.count, envelope.headers.count, 0] {
            Self.append(UInt16(count), to: &output)
        }
        for string in strings {
            Self.append(UInt16(string.utf8.count), to: &output)
            output.append(contentsOf: string.utf8)
        }
        output += envelope.body
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
