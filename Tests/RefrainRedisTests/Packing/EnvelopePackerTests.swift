import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

@Suite struct EnvelopePackerTests {
    @Test(arguments: PackedForm.allCases)
    func unpacksWhatItPacks(form: PackedForm) throws {
        let packer = try form.packer()
        var random = SeededGenerator(seed: 17)
        for _ in 0..<60 {
            let envelope = PackingSamples.anyEnvelope(using: &random)
            let bytes = try packer.pack(envelope)
            let unpacked = try packer.unpack(bytes, for: envelope.key)
            #expect(try PackingSamples.content(of: unpacked) == PackingSamples.content(of: envelope))
            #expect(EnvelopePacker.totalBytes(ofPrefix: Array(bytes.prefix(256))) == bytes.count)
            #expect(bytes.count <= packer.maximumPackedBytes)
        }
    }

    @Test(arguments: [0, 1, 255, 256, 257, 65_535, 65_536, 1 << 20])
    func unpacksEverySizeOfBody(count: Int) throws {
        for body in [SeededGenerator(seed: 3).first(count), [UInt8](repeating: 0x20, count: count)] {
            for form in PackedForm.allCases {
                let packer = try form.packer()
                let envelope = PackingSamples.envelope(body: body)
                #expect(try packer.unpack(packer.pack(envelope), for: envelope.key).body == body)
            }
        }
    }

    @Test func compressesOnlyWhatGetsSmaller() throws {
        let packer = PackingSamples.packer()
        func codec(_ body: [UInt8]) throws -> UInt8 { try packer.pack(PackingSamples.envelope(body: body))[5] }
        #expect(try codec(PackingSamples.message) == Deflate.codec)
        #expect(try codec([UInt8](repeating: 0, count: 256)) == Deflate.codec)
        #expect(try codec([UInt8](repeating: 0, count: 255)) == 0)
        #expect(try codec(SeededGenerator(seed: 1).first(100_000)) == 0)
        #expect(try codec([]) == 0)
        // One fifteenth of it can be saved, which is not worth it.
        #expect(try codec(SeededGenerator(seed: 1).first(14_000) + [UInt8](repeating: 0, count: 1_000)) == 0)
        #expect(try PackingSamples.packer(compression: .off).pack(PackingSamples.envelope())[5] == 0)
    }

    @Test func aPlainEnvelopeIsWhatTheCodecWrites() throws {
        let envelope = PackingSamples.envelope()
        #expect(try PackingSamples.packer(compression: .off).pack(envelope) == EnvelopeCodec().encode(envelope))
    }

    @Test func readsWhatOthersCompressed() throws {
        let bytes = try PackingSamples.packer().pack(PackingSamples.envelope())
        let reader = PackingSamples.packer(compression: .off)
        #expect(try reader.unpack(bytes, for: PackingSamples.key(1)).body == PackingSamples.message)
    }

    @Test func theCoreRefusesWhatItCannotRead() throws {
        for form in PackedForm.allCases where form != .plain {
            let bytes = try form.packer().pack(PackingSamples.envelope())
            #expect(throws: EnvelopeError(.unsupportedCodec, "\(bytes[5])")) {
                try EnvelopeCodec().decode(bytes, for: PackingSamples.key(1))
            }
        }
    }

    @Test func theBoundIsOfTheEnvelopeWithItsBodyAsItIs() throws {
        let envelope = PackingSamples.envelope(body: [UInt8](repeating: 0, count: 10_000))
        let size = try PackingSamples.content(of: envelope).count
        for form in PackedForm.allCases {
            let bytes = try form.packer().pack(envelope)
            let sealing =
                form == .sealed || form == .sealedCompressed ? try Sealing(key: PackingSamples.sealingKey(0xA1)) : nil
            let exact = PackingSamples.packer(sealing: sealing, maximumBytes: size)
            let small = PackingSamples.packer(sealing: sealing, maximumBytes: size - 1)
            #expect(try exact.unpack(exact.pack(envelope), for: envelope.key).body.count == 10_000)
            #expect(PackingSamples.refusal(of: bytes, by: exact) == nil)
            #expect(PackingSamples.refusal(of: bytes, by: small) == .tooLarge)
            #expect(throws: EnvelopeError(.tooLarge, "\(size) bytes")) { try small.pack(envelope) }
        }
        #expect(EnvelopePacker(maximumBytes: .max).maximumPackedBytes == .max)
    }

    // MARK: The announced length

    @Test(arguments: PackedForm.allCases)
    func theFirstBytesTellTheLength(form: PackedForm) throws {
        var random = SeededGenerator(seed: 23)
        let envelope = PackingSamples.envelope(body: random.bytes(100_000))
        let bytes = try form.packer().pack(envelope)
        let enough = form == .sealed || form == .sealedCompressed ? 16 : 160
        for count in 0...256 {
            let total = EnvelopePacker.totalBytes(ofPrefix: Array(bytes.prefix(count)))
            #expect(total == (count < enough ? nil : bytes.count))
        }
        #expect(EnvelopePacker.totalBytes(ofPrefix: bytes) == bytes.count)
        #expect(EnvelopePacker.totalBytes(ofPrefix: bytes + [0]) == nil)
    }

    @Test func firstBytesThatContradictThemselvesTellNothing() throws {
        func total(_ form: PackedForm, at offset: Int, _ replacement: [UInt8]) throws -> Int? {
            var bytes = try form.packer().pack(PackingSamples.envelope())
            bytes.replaceSubrange(offset..<offset + replacement.count, with: replacement)
            return EnvelopePacker.totalBytes(ofPrefix: Array(bytes.prefix(256)))
        }
        for form in PackedForm.allCases {
            #expect(try total(form, at: 0, [0x52]) != nil)
            #expect(try total(form, at: 0, [0x53]) == nil)
            #expect(try total(form, at: 4, [2]) == nil)
            for codec: UInt8 in [2, 127, 129, 255] { #expect(try total(form, at: 5, [codec]) == nil) }
        }
        let huge = [UInt8](repeating: 0xFF, count: 8)
        // The header's length, the raw length without the stored one, and both.
        #expect(try total(.plain, at: 8, [1, 0, 0, 0]) == nil)
        #expect(try total(.plain, at: 136, huge) == nil)
        #expect(try total(.plain, at: 136, huge + huge) == nil)
        #expect(try total(.compressed, at: 136, [0, 0, 0, 0, 0, 0, 0, 0]) == nil)
        #expect(try total(.compressed, at: 144, huge) == nil)
        for form in [PackedForm.sealed, .sealedCompressed] {
            #expect(try total(form, at: 6, [1]) == nil)
            #expect(try total(form, at: 8, huge) == nil)
            #expect(try total(form, at: 8, [200, 0, 0, 0, 0, 0, 0, 0]) == nil)
        }
        #expect(EnvelopePacker.totalBytes(ofPrefix: []) == nil)
        #expect(EnvelopePacker.totalBytes(ofPrefix: Array("not an envelope at all".utf8)) == nil)
    }
}

extension SeededGenerator {
    /// The first random bytes of a generator that is used for nothing else.
    func first(_ count: Int) -> [UInt8] {
        var random = self
        return random.bytes(count)
    }
}
