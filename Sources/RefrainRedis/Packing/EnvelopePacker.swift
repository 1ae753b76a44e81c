import Crypto
public import RefrainCore
public import RefrainKeys

/// Makes of an envelope the bytes that a shared tier keeps, and an envelope of them again: compressed where that pays,
/// and sealed where there is a key.
///
/// Public for the fuzzer alone.
@_spi(Fuzzing)
public struct EnvelopePacker: Sendable {
    private static let expander = BodyExpander(codecs: [Deflate.codec]) {
        codec, stored, rawLength throws(EnvelopeError) in
        try Deflate.expand(stored, to: rawLength)
    }

    private let codec: EnvelopeCodec
    private let compression: EnvelopeCompression
    private let sealing: Sealing?
    private let nonce: @Sendable () -> AES.GCM.Nonce

    /// Creates a packer.
    ///
    /// - Parameters:
    ///   - maximumBytes: The most bytes of an envelope with its body as it is: larger ones are neither packed nor unpacked,
    ///     however well they compress.
    ///   - compression: Whether bodies are compressed; what others have compressed is read either way.
    ///   - sealing: The keys to seal and open with; nil to do neither.
    public init(
        maximumBytes: Int = EnvelopeCodec().maximumBytes, compression: EnvelopeCompression = .automatic,
        sealing: Sealing? = nil
    ) {
        // Without an argument it is twelve bytes of the system's source of randomness.
        self.init(
            maximumBytes: maximumBytes, compression: compression, sealing: sealing, nonce: { AES.GCM.Nonce() })
    }

    /// Creates a packer with its own source of nonces, which tests need. One that repeats gives sealed contents away.
    init(
        maximumBytes: Int, compression: EnvelopeCompression, sealing: Sealing?,
        nonce: @escaping @Sendable () -> AES.GCM.Nonce
    ) {
        self.codec = EnvelopeCodec(maximumBytes: maximumBytes)
        self.compression = compression
        self.sealing = sealing
        self.nonce = nonce
    }

    /// The most bytes that ``pack(_:)`` returns or ``unpack(_:for:)`` takes.
    public var maximumPackedBytes: Int {
        let (sum, overflow) = self.codec.maximumBytes.addingReportingOverflow(SealedFrame.overhead)
        return overflow ? .max : sum
    }

    /// The bytes of `envelope`.
    ///
    /// - Throws: ``EnvelopeError`` as ``EnvelopeCodec/encode(_:)`` does.
    /// - Complexity: Linear in the size; about 10 us for a body of 1 KB.
    public func pack(_ envelope: Envelope) throws(EnvelopeError) -> [UInt8] {
        let bytes = try self.encode(envelope)
        guard let sealing else { return bytes }
        return try SealedFrame.seal(bytes, for: envelope.key, with: sealing.key, nonce: self.nonce())
    }

    /// The envelope that `bytes` are, stored under `key`.
    ///
    /// - Throws: ``EnvelopeError`` with the first thing found wrong. Where sealing is configured,
    ///   ``EnvelopeError/Code/unsealed`` for bytes without a seal, unless those are accepted; where it is not,
    ///   ``EnvelopeError/Code/unknownSealingKey`` for sealed ones.
    /// - Complexity: Linear in the size of the body as it is, which is bounded before anything is allocated for it.
    public func unpack(_ bytes: [UInt8], for key: RequestKey) throws(EnvelopeError) -> Envelope {
        guard bytes.count <= self.maximumPackedBytes else { throw EnvelopeError(.tooLarge, "\(bytes.count) bytes") }
        guard SealedFrame.isFrame(bytes) else {
            // What is not a frame is not sealed, whatever else it is: no such bytes get past here.
            if let sealing, !sealing.acceptsUnsealed { throw EnvelopeError(.unsealed, "no seal") }
            return try self.codec.decode(bytes, for: key, expanding: Self.expander)
        }
        let envelope = try SealedFrame.open(bytes, for: key, with: self.sealing)
        return try self.codec.decode(envelope, for: key, expanding: Self.expander)
    }

    /// The length of the whole packed envelope that begins with `prefix`: its first 256 bytes, or all of it where it has
    /// fewer. Nil where they do not tell, are not of a form that is read here, or contradict themselves.
    ///
    /// It is a claim and no more: to be held against ``maximumPackedBytes`` before anything is allocated for it.
    public static func totalBytes(ofPrefix prefix: [UInt8]) -> Int? {
        let total =
            SealedFrame.isFrame(prefix)
            ? SealedFrame.announcedBytes(prefix)
            : EnvelopeCodec.announcedBytes(prefix, codecs: [Deflate.codec])
        guard let total, total >= prefix.count else { return nil }
        return total
    }

    /// Whether bytes begin as those of an envelope of any version do.
    static func isPacked(_ bytes: [UInt8]) -> Bool {
        SealedFrame.isFrame(bytes) || bytes.starts(with: EnvelopeCodec.magic)
    }

    private func encode(_ envelope: Envelope) throws(EnvelopeError) -> [UInt8] {
        guard envelope.body.count <= self.codec.maximumBytes,
            let limit = self.compression.limit(forBody: envelope.body.count),
            let deflated = Deflate.compress(envelope.body, under: limit)
        else { return try self.codec.encode(envelope) }
        return try self.codec.encode(envelope, storing: deflated, codec: Deflate.codec)
    }
}
