import Crypto
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

@Suite struct SealingTests {
    private let key = PackingSamples.key(1)

    @Test func anotherKeyOpensNothing() throws {
        let one = try Sealing(key: PackingSamples.sealingKey(1))
        let other = try Sealing(key: PackingSamples.sealingKey(2))
        let bytes = try PackingSamples.packer(sealing: one).pack(PackingSamples.envelope())
        #expect(PackingSamples.refusal(of: bytes, by: PackingSamples.packer(sealing: other)) == .unknownSealingKey)
        #expect(PackingSamples.refusal(of: bytes, by: PackingSamples.packer()) == .unknownSealingKey)
        // With the id of the key that the reader has, it is the seal that does not fit.
        var forged = bytes
        forged.replaceSubrange(16..<24, with: other.key.idBytes)
        #expect(PackingSamples.refusal(of: forged, by: PackingSamples.packer(sealing: other)) == .brokenSeal)
    }

    @Test func aChangeOfKeysLosesNothing() throws {
        let (old, new) = (try PackingSamples.sealingKey(1), try PackingSamples.sealingKey(2))
        // Each step of the change beside the one before it: either reads what the other writes.
        let steps = [
            Sealing(key: old), Sealing(key: old, previousKeys: [new]), Sealing(key: new, previousKeys: [old]),
            Sealing(key: new),
        ]
        for (one, next) in zip(steps, steps.dropFirst()) where one != steps[2] {
            for (writer, reader) in [(one, next), (next, one)] where writer.key == old || reader != steps[0] {
                let bytes = try PackingSamples.packer(sealing: writer).pack(PackingSamples.envelope())
                #expect(PackingSamples.refusal(of: bytes, by: PackingSamples.packer(sealing: reader)) == nil)
            }
        }
        // After the last step, what the old key sealed is a miss.
        let bytes = try PackingSamples.packer(sealing: steps[0]).pack(PackingSamples.envelope())
        #expect(PackingSamples.refusal(of: bytes, by: PackingSamples.packer(sealing: steps[3])) == .unknownSealingKey)
    }

    @Test func onlyTheFirstKeySeals() throws {
        let sealing = try Sealing(
            key: PackingSamples.sealingKey(1),
            previousKeys: [PackingSamples.sealingKey(2), PackingSamples.sealingKey(3)])
        let bytes = try PackingSamples.packer(sealing: sealing).pack(PackingSamples.envelope())
        #expect(Array(bytes[16..<24]) == sealing.key.idBytes)
    }

    @Test(arguments: [PackedForm.plain, .compressed])
    func whatIsNotSealedIsRefusedUnlessAccepted(form: PackedForm) throws {
        var sealing = try Sealing(key: PackingSamples.sealingKey(1))
        let bytes = try form.packer().pack(PackingSamples.envelope())
        #expect(PackingSamples.refusal(of: bytes, by: PackingSamples.packer(sealing: sealing)) == .unsealed)
        sealing.acceptsUnsealed = true
        let lenient = PackingSamples.packer(sealing: sealing)
        #expect(PackingSamples.refusal(of: bytes, by: lenient) == nil)
        #expect(PackingSamples.refusal(of: bytes, by: lenient, key: PackingSamples.key(2)) == .wrongKey)
        // What it writes itself is sealed all the same.
        #expect(try lenient.pack(PackingSamples.envelope())[5] == SealedFrame.codec)
    }

    @Test func nothingOfTheEnvelopeIsInTheClear() throws {
        let sealing = try Sealing(key: PackingSamples.sealingKey(1))
        let bytes = try PackingSamples.packer(compression: .off, sealing: sealing).pack(PackingSamples.envelope())
        for text in ["claude", "tag:", "toolu_01A", "req_011", "tide", "application/json"] {
            #expect(bytes.firstRange(of: Array(text.utf8)) == nil, "\(text)")
        }
        let key = self.key.withUnsafeBytes { Array($0) }
        #expect(bytes.firstRange(of: key) == nil)
    }

    @Test func eachSealHasItsOwnNonce() throws {
        let sealing = try Sealing(key: PackingSamples.sealingKey(1))
        let packer = EnvelopePacker(sealing: sealing)
        let nonces = try (0..<200).map { _ in Array(try packer.pack(PackingSamples.envelope())[24..<36]) }
        #expect(Set(nonces).count == 200)
        #expect(!nonces.contains([UInt8](repeating: 0, count: 12)))
    }

    /// The layout, from its description and with AES-GCM alone.
    @Test func theFrameIsAsDocumented() throws {
        let sealing = try Sealing(key: PackingSamples.sealingKey(1))
        let envelope = PackingSamples.envelope()
        let bytes = try PackingSamples.packer(compression: .off, sealing: sealing).pack(envelope)
        let inner = try EnvelopeCodec().encode(envelope)
        #expect(Array(bytes[0..<8]) == [0x52, 0x46, 0x52, 0x4E, 1, 128, 0, 0])
        #expect(Array(bytes[8..<16]) == withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Array($0) })
        #expect(bytes.count == inner.count + 52)
        let material = [UInt8](repeating: 1, count: 32)
        #expect(
            Array(bytes[16..<24]) == Array(SHA256.hash(data: Array("refrain/sealing-key/1".utf8) + material).prefix(8)))
        let associated = Array(bytes[0..<36]) + self.key.withUnsafeBytes { Array($0) }
        let box = try AES.GCM.SealedBox(
            nonce: AES.GCM.Nonce(data: bytes[24..<36]), ciphertext: bytes[36..<bytes.count - 16], tag: bytes.suffix(16))
        let opened = try AES.GCM.open(box, using: SymmetricKey(data: material), authenticating: associated)
        #expect(Array(opened) == inner)
    }

    /// A member that has the key may still be wrong: what is inside the seal is checked like any other envelope.
    @Test func whatIsInsideTheSealIsCheckedToo() throws {
        let sealing = try Sealing(key: PackingSamples.sealingKey(1))
        let packer = PackingSamples.packer(sealing: sealing)
        func sealed(_ inner: [UInt8]) throws -> [UInt8] {
            try SealedFrame.seal(inner, for: self.key, with: sealing.key, nonce: AES.GCM.Nonce())
        }
        let other = try EnvelopeCodec().encode(PackingSamples.envelope(key: PackingSamples.key(2)))
        #expect(PackingSamples.refusal(of: try sealed(other), by: packer) == .wrongKey)
        let inner = try EnvelopeCodec().encode(PackingSamples.envelope())
        #expect(PackingSamples.refusal(of: try sealed(inner), by: packer) == nil)
        #expect(PackingSamples.refusal(of: try sealed(inner + [0]), by: packer) == .trailingBytes)
        #expect(PackingSamples.refusal(of: try sealed(sealed(inner)), by: packer) == .unsupportedCodec)
        #expect(PackingSamples.refusal(of: try sealed([UInt8](repeating: 0, count: 500)), by: packer) == .notAnEnvelope)
        #expect(PackingSamples.refusal(of: try sealed(Array(inner.prefix(20))), by: packer) == .truncated)
    }
}
