import Crypto
import RefrainCore
import RefrainKeys

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The frame around a sealed envelope: codec 128. `docs/envelope.md` describes each byte.
enum SealedFrame {
    /// Its id, where an envelope has that of its body's codec.
    static let codec: UInt8 = 128
    /// The bytes before the sealed ones.
    static let headerBytes = 36
    private static let tagBytes = 16
    /// What sealing adds to an envelope.
    static let overhead = Self.headerBytes + Self.tagBytes

    private static let lengthOffset = 8
    private static let idOffset = 16
    private static let nonceOffset = 24

    /// The frame around `envelope`, to be stored under `key`.
    static func seal(
        _ envelope: [UInt8], for key: RequestKey, with sealingKey: SealingKey, nonce: AES.GCM.Nonce
    ) throws(EnvelopeError) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(envelope.count + self.overhead)
        frame += EnvelopeCodec.magic
        frame += [EnvelopeCodec.version, self.codec, 0, 0]
        withUnsafeBytes(of: UInt64(envelope.count + self.overhead).littleEndian) { frame.append(contentsOf: $0) }
        frame += sealingKey.idBytes
        let associated = self.associatedData(header: frame + Array(nonce), key: key)
        let sealed: Data?
        do {
            sealed = try AES.GCM.seal(
                envelope, using: sealingKey.material, nonce: nonce, authenticating: associated
            ).combined
        } catch {
            throw EnvelopeError(.malformed, "the seal could not be made")
        }
        // Nonce, sealed bytes and tag, in the order in which the frame has them.
        guard let sealed else { throw EnvelopeError(.malformed, "the seal could not be made") }
        frame += sealed
        return frame
    }

    /// The envelope in the frame that was stored under `key`. Nothing of the envelope itself is looked at.
    ///
    /// - Parameter bytes: A frame: they begin with the magic number, the version and the codec of one.
    static func open(_ bytes: [UInt8], for key: RequestKey, with sealing: Sealing?) throws(EnvelopeError) -> [UInt8] {
        guard bytes.count >= self.overhead + EnvelopeCodec.minimumBytes else {
            throw EnvelopeError(.truncated, "\(bytes.count) bytes")
        }
        guard bytes[6] == 0, bytes[7] == 0 else { throw EnvelopeError(.malformed, "the reserved bytes") }
        let length = self.length(bytes)
        guard length <= bytes.count else { throw EnvelopeError(.truncated, "\(bytes.count) bytes") }
        guard length == bytes.count else { throw EnvelopeError(.trailingBytes, "a sealed envelope") }
        guard let sealing else { throw EnvelopeError(.unknownSealingKey, "no sealing key is configured") }
        guard let sealingKey = sealing.key(id: bytes[self.idOffset..<self.nonceOffset]) else {
            throw EnvelopeError(.unknownSealingKey, "no sealing key has the id of the envelope's")
        }
        let associated = self.associatedData(header: bytes[..<self.headerBytes], key: key)
        do {
            let box = try AES.GCM.SealedBox(combined: bytes[self.nonceOffset...])
            return Array(try AES.GCM.open(box, using: sealingKey.material, authenticating: associated))
        } catch {
            throw EnvelopeError(.brokenSeal, "the seal")
        }
    }

    /// The length of the whole frame that begins with `prefix`; nil where those bytes do not tell, or contradict themselves.
    static func announcedBytes(_ prefix: [UInt8]) -> Int? {
        guard self.isFrame(prefix), prefix.count >= self.idOffset, prefix[6] == 0, prefix[7] == 0 else { return nil }
        guard let length = Int(exactly: self.length(prefix)) else { return nil }
        return length >= self.overhead + EnvelopeCodec.minimumBytes ? length : nil
    }

    /// Whether `bytes` begin as a frame does.
    static func isFrame(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: EnvelopeCodec.magic + [EnvelopeCodec.version, self.codec])
    }

    private static func length(_ bytes: [UInt8]) -> UInt64 {
        bytes[self.lengthOffset..<self.idOffset].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// What the seal binds beside the envelope: the frame's header, and the key that it was stored under. So a value that
    /// stands under another key does not open.
    private static func associatedData(header: some Collection<UInt8>, key: RequestKey) -> [UInt8] {
        key.withUnsafeBytes { Array(header) + Array($0) }
    }
}
