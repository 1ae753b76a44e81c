import Crypto
import RefrainCore
import RefrainTesting
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

@Suite struct DeflateTests {
    private func expand(_ stored: [UInt8], to count: Int) throws(EnvelopeError) -> [UInt8] {
        var result: Result<[UInt8], EnvelopeError>?
        stored.withUnsafeBytes { stored in
            do throws(EnvelopeError) {
                result = .success(try Deflate.expand(stored, to: count))
            } catch {
                result = .failure(error)
            }
        }
        return try (result ?? .success([])).get()
    }

    private func expectRefusal(
        _ stored: [UInt8], to count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: EnvelopeError.self, sourceLocation: sourceLocation) { try self.expand(stored, to: count) }
    }

    /// Envelopes were written with it: a change of one byte would make them unreadable, or worse, readable as others.
    @Test func theDictionaryOfCodec1IsWhatItWas() {
        let digest = SHA256.hash(data: DeflateDictionary.first)
        #expect(
            digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                == "042a1a3a4c93a7d5c1c8c01cefaf10c5b10e457410c88ddbde48f644d37b93d5")
        #expect(DeflateDictionary.first.count == 3_709)
    }

    @Test func theDictionaryMakesAShortMessageSmall() throws {
        let message = PackingSamples.message
        let stored = try #require(Deflate.compress(message, under: message.count))
        #expect(stored.count < message.count / 2)
        #expect(try self.expand(stored, to: message.count) == message)
    }

    @Test func givesUpAtTheLimit() throws {
        let message = PackingSamples.message
        let stored = try #require(Deflate.compress(message, under: message.count))
        #expect(Deflate.compress(message, under: stored.count + 1) == stored)
        for limit in [stored.count, stored.count - 1, 1, 0, -1] {
            #expect(Deflate.compress(message, under: limit) == nil)
        }
    }

    @Test func refusesAnotherLength() throws {
        let message = PackingSamples.message
        let stored = try #require(Deflate.compress(message, under: message.count))
        for count in [0, 1, message.count - 1, message.count + 1, 10 * message.count] {
            self.expectRefusal(stored, to: count)
        }
    }

    @Test func refusesTruncatedStreamsAndTrailingBytes() throws {
        let message = PackingSamples.message
        let stored = try #require(Deflate.compress(message, under: message.count))
        for count in stored.indices { self.expectRefusal(Array(stored.prefix(count)), to: message.count) }
        self.expectRefusal(stored + [0], to: message.count)
        self.expectRefusal(stored + stored, to: message.count)
    }

    @Test func refusesWhatIsNoStreamOfItsOwn() {
        self.expectRefusal([], to: 1)
        // The block type that RFC 1951 reserves.
        self.expectRefusal([0x07], to: 1)
        // One stored byte, with a length that its complement does not fit.
        self.expectRefusal([0x01, 0x01, 0x00, 0x00, 0x00, 0x41], to: 1)
        #expect(throws: Never.self) { try self.expand([0x01, 0x01, 0x00, 0xFE, 0xFF, 0x41], to: 1) }
        // A stream in zlib's format, and one that says that it needs a dictionary: of their kind, not of this one.
        self.expectRefusal([0x78, 0x9C, 0x4B, 0x04, 0x00, 0x00, 0x62, 0x00, 0x62], to: 1)
        self.expectRefusal([0x78, 0xBB, 0x00, 0x01, 0x00, 0x01, 0x4B, 0x04, 0x00, 0x00, 0x62, 0x00, 0x62], to: 1)
    }

    /// A match that begins before the dictionary: in the fixed code, length 3 at a distance of 4,097 to 6,144, then the
    /// end of the block.
    @Test func refusesToReachBeyondTheDictionary() throws {
        var bits = "1" + "10"  // the last block, of the fixed code
        bits += "0000001" + "11000" + "00000000000"  // length 3; distance code 24 and its extra bits
        bits += "0000000"
        #expect(DeflateDictionary.first.count < 4_097)
        self.expectRefusal(Self.packed(bits), to: 3)
        // Distance code 0 is the dictionary's last byte.
        let near = "1" + "10" + "0000001" + "00000" + "0000000"
        let last = DeflateDictionary.first.suffix(1)
        #expect(try self.expand(Self.packed(near), to: 3) == Array(last + last + last))
    }

    /// Bits in the order in which a stream has them.
    private static func packed(_ bits: String) -> [UInt8] {
        let values = bits.map { $0 == "1" ? UInt8(1) : 0 }
        return stride(from: 0, to: values.count, by: 8).map { start in
            values[start..<min(start + 8, values.count)].enumerated().reduce(0) { $0 | $1.element << $1.offset }
        }
    }
}
