import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a shared tier may give back instead of what it was given.
@Suite struct PackedDamageTests {
    @Test(arguments: PackedForm.allCases)
    func everyFlippedByteIsRefused(form: PackedForm) throws {
        let packer = try form.packer()
        let bytes = try packer.pack(PackingSamples.envelope())
        for offset in bytes.indices {
            for mask: UInt8 in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF] {
                var damaged = bytes
                damaged[offset] ^= mask
                #expect(PackingSamples.refusal(of: damaged, by: packer) != nil, "offset \(offset), mask \(mask)")
            }
        }
    }

    @Test(arguments: PackedForm.allCases)
    func everyTruncationAndExtensionIsRefused(form: PackedForm) throws {
        let packer = try form.packer()
        let bytes = try packer.pack(PackingSamples.envelope())
        for count in bytes.indices {
            #expect(PackingSamples.refusal(of: Array(bytes.prefix(count)), by: packer) != nil)
        }
        #expect(PackingSamples.refusal(of: bytes + [0], by: packer) == .trailingBytes)
        #expect(PackingSamples.refusal(of: bytes + bytes, by: packer) == .trailingBytes)
        #expect(PackingSamples.refusal(of: Array(bytes.dropFirst()), by: packer) != nil)
        #expect(PackingSamples.refusal(of: bytes, by: packer) == nil)
    }

    @Test func aTruncatedSealSaysSo() throws {
        let packer = try PackedForm.sealed.packer()
        let bytes = try packer.pack(PackingSamples.envelope())
        for count in 6..<bytes.count {
            #expect(PackingSamples.refusal(of: Array(bytes.prefix(count)), by: packer) == .truncated)
        }
    }

    @Test(arguments: PackedForm.allCases)
    func swappedValuesAreRefused(form: PackedForm) throws {
        let packer = try form.packer()
        let (one, other) = (PackingSamples.key(1), PackingSamples.key(2))
        let first = try packer.pack(PackingSamples.envelope(key: one))
        let second = try packer.pack(PackingSamples.envelope(key: other))
        let code: EnvelopeError.Code = form == .plain || form == .compressed ? .wrongKey : .brokenSeal
        #expect(PackingSamples.refusal(of: first, by: packer, key: other) == code)
        #expect(PackingSamples.refusal(of: second, by: packer, key: one) == code)
        #expect(PackingSamples.refusal(of: second, by: packer, key: other) == nil)
    }

    @Test(arguments: PackedForm.allCases)
    func versionsAndCodecsOfTheFutureAreRefused(form: PackedForm) throws {
        let packer = try form.packer()
        let isSealed = form == .sealed || form == .sealedCompressed
        let bytes = try packer.pack(PackingSamples.envelope())
        for version: UInt8 in [0, 2, 255] {
            var changed = bytes
            changed[4] = version
            let code = PackingSamples.refusal(of: PackingSamples.withChecksum(changed), by: packer)
            #expect(code == (isSealed ? .unsealed : .unsupportedVersion))
        }
        for codec: UInt8 in [2, 127, 129, 255] {
            var changed = bytes
            changed[5] = codec
            let code = PackingSamples.refusal(of: PackingSamples.withChecksum(changed), by: packer)
            #expect(code == (isSealed ? .unsealed : .unsupportedCodec))
        }
    }

    /// With the checksum made right again, so that everything behind it is reached: what is accepted packs and unpacks
    /// to itself, and is under the right key.
    @Test(arguments: [UInt64(1), 2, 3])
    func whatIsAcceptedIsWhole(seed: UInt64) throws {
        let packer = PackingSamples.packer()
        var random = SeededGenerator(seed: seed)
        let bytes = try packer.pack(PackingSamples.envelope())
        #expect(bytes[5] == Deflate.codec)
        var accepted = 0
        for _ in 0..<4_000 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                switch (changed.indices.randomElement(using: &random), Int.random(in: 0..<4, using: &random)) {
                case (let offset?, 0): changed.remove(at: offset)
                case (let offset?, 1): changed.insert(UInt8.random(in: .min ... .max, using: &random), at: offset)
                case (let offset?, _): changed[offset] = UInt8.random(in: .min ... .max, using: &random)
                case (nil, _): break
                }
            }
            changed = PackingSamples.withChecksum(changed)
            do throws(EnvelopeError) {
                let envelope = try packer.unpack(changed, for: PackingSamples.key(1))
                accepted += 1
                #expect(envelope.key == PackingSamples.key(1))
                let again = try packer.unpack(packer.pack(envelope), for: envelope.key)
                #expect(try EnvelopeCodec().encode(again) == EnvelopeCodec().encode(envelope))
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
        #expect(accepted > 30)
    }

    // MARK: Bombs

    @Test func aBodyThatAnnouncesTooMuchIsRefusedBeforeAnythingIsAllocated() throws {
        let bytes = try PackingSamples.packer().pack(PackingSamples.envelope())
        func announcing(_ count: UInt64) -> [UInt8] {
            var changed = bytes
            changed.replaceSubrange(136..<144, with: withUnsafeBytes(of: count.littleEndian) { Array($0) })
            return PackingSamples.withChecksum(changed)
        }
        let unbounded = PackingSamples.packer(maximumBytes: .max)
        // No machine has the memory for the last ones: to ask for it would end the process.
        for count: UInt64 in [64 << 20, 1 << 32, 1 << 40, 1 << 62, .max] {
            #expect(PackingSamples.refusal(of: announcing(count), by: PackingSamples.packer()) == .tooLarge)
            #expect(PackingSamples.refusal(of: announcing(count), by: unbounded) != nil)
        }
        // Within every bound, and more than so short a stream can hold.
        #expect(PackingSamples.refusal(of: announcing(60 << 20), by: PackingSamples.packer()) == .malformed)
        #expect(PackingSamples.refusal(of: announcing(3 << 30), by: unbounded) == .malformed)
    }

    @Test func aBodyThatHoldsTooMuchIsRefused() throws {
        let held = 80 << 20
        let bomb = DeflateBomb.stream(of: held)
        for announced in [held - 1, held + 1, 1_000_000] {
            let bytes = try DeflateBomb.envelope(bomb, announcing: announced)
            #expect(PackingSamples.refusal(of: bytes, by: PackingSamples.packer(maximumBytes: .max)) == .malformed)
        }
        let whole = try DeflateBomb.envelope(bomb, announcing: held)
        #expect(PackingSamples.refusal(of: whole, by: PackingSamples.packer()) == .tooLarge)
        // Where so much is allowed it is read: the bomb is one.
        let envelope = try PackingSamples.packer(maximumBytes: .max).unpack(whole, for: PackingSamples.key(1))
        #expect(envelope.body.count == held)
    }

    /// In a process of its own, so that other tests take no part in the figure.
    @Test func aBombTakesNoMoreMemoryThanItAnnounces() async {
        await #expect(processExitsWith: .success) {
            let bomb = DeflateBomb.stream(of: 256 << 20)
            var attempts: [[UInt8]] = []
            for announced in [bomb.count + 1, 8 << 20] {
                attempts.append(try DeflateBomb.envelope(bomb, announcing: announced))
            }
            let packer = PackingSamples.packer()
            _ = try packer.unpack(packer.pack(PackingSamples.envelope()), for: PackingSamples.key(1))
            let before = DeflateBomb.peakMemory()
            for bytes in attempts { #expect(PackingSamples.refusal(of: bytes, by: packer) == .malformed) }
            // 8 MiB announced, beside what sanitizers add to it.
            #expect(DeflateBomb.peakMemory() - before < 64 << 20)
        }
    }
}

/// Small streams of many bytes.
enum DeflateBomb {
    /// A deflate stream of `count` zero bytes: literals, then matches of 258 bytes, which take 13 bits each in the fixed
    /// code of RFC 1951.
    static func stream(of count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        // Codes stand here with their first bit lowest.
        func append(_ code: UInt32, _ length: UInt32) {
            bits |= code << bitCount
            bitCount += length
            while bitCount >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: bits))
                bits >>= 8
                bitCount -= 8
            }
        }
        let matches = (count - 1) / 258
        append(0b011, 3)  // the last block, of the fixed code
        for _ in 0..<count - 258 * matches { append(0b0000_1100, 8) }  // a zero
        for _ in 0..<matches { append(0b1010_0011, 13) }  // 258 bytes, from one back
        append(0, 7)  // the end of the block
        if bitCount > 0 { bytes.append(UInt8(bits)) }
        return bytes
    }

    /// An envelope with this stream that announces `count` bytes.
    static func envelope(_ stream: [UInt8], announcing count: Int) throws -> [UInt8] {
        // Of a body that has one byte more than the stream, so that it may be stored.
        let body = [UInt8](repeating: 0, count: stream.count + 1)
        var bytes = try EnvelopeCodec(maximumBytes: .max).encode(
            PackingSamples.envelope(body: body), storing: stream, codec: Deflate.codec)
        bytes.replaceSubrange(136..<144, with: withUnsafeBytes(of: UInt64(count).littleEndian) { Array($0) })
        return PackingSamples.withChecksum(bytes)
    }

    /// The most memory that the process has had, in bytes.
    static func peakMemory() -> Int {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(CInt(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        #if canImport(Darwin)
            return usage.ru_maxrss
        #else
            return usage.ru_maxrss << 10
        #endif
    }
}
