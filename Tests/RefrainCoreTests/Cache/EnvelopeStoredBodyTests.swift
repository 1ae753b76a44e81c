import RefrainCore
import RefrainKeys
import Testing

/// Envelopes whose body somebody else made smaller. Here that is a run of one byte, stored as that byte.
@Suite struct EnvelopeStoredBodyTests {
    private let codec = EnvelopeCodec()
    private let runs = BodyExpander(codecs: [1]) { codec, stored, rawLength throws(EnvelopeError) in
        guard codec == 1, stored.count == 1 else { throw EnvelopeError(.malformed, "a run") }
        return [UInt8](repeating: stored[0], count: rawLength)
    }

    private func run(_ count: Int) -> Envelope {
        sampleEnvelope(sampleKey(1), labels: [.tag("a")], body: [UInt8](repeating: 7, count: count))
    }

    private func refusal(_ bytes: [UInt8], codec: EnvelopeCodec = EnvelopeCodec(), _ expander: BodyExpander)
        -> EnvelopeError?
    {
        do throws(EnvelopeError) {
            _ = try codec.decode(bytes, for: sampleKey(1), expanding: expander)
            return nil
        } catch {
            return error
        }
    }

    @Test func decodesWhatItEncodes() throws {
        let bytes = try self.codec.encode(self.run(1_000), storing: [7], codec: 1)
        #expect(bytes.count < 300)
        expectSame(try self.codec.decode(bytes, for: sampleKey(1), expanding: self.runs), self.run(1_000))
    }

    @Test func aBodyAsItIsNeedsNoExpander() throws {
        let bytes = try self.codec.encode(self.run(1_000))
        let none = BodyExpander(codecs: [1]) { _, _, _ throws(EnvelopeError) in
            throw EnvelopeError(.malformed, "called")
        }
        expectSame(try self.codec.decode(bytes, for: sampleKey(1), expanding: none), self.run(1_000))
    }

    @Test func refusesCodecsThatNobodyKnows() throws {
        for codec: UInt8 in [2, 127] {
            let bytes = try self.codec.encode(self.run(1_000), storing: [7], codec: codec)
            #expect(self.refusal(bytes, self.runs) == EnvelopeError(.unsupportedCodec, "\(codec)"))
        }
        let bytes = try self.codec.encode(self.run(1_000), storing: [7], codec: 1)
        #expect(throws: EnvelopeError(.unsupportedCodec, "1")) { try self.codec.decode(bytes, for: sampleKey(1)) }
    }

    @Test func writesNoBodyThatIsNotSmallerAndNoOtherCodec() {
        func expectUnwritable(_ stored: [UInt8], _ codec: UInt8, _ code: EnvelopeError.Code) {
            do throws(EnvelopeError) {
                _ = try self.codec.encode(self.run(2), storing: stored, codec: codec)
                Issue.record("written, although \(code)")
            } catch {
                #expect(error.code == code)
            }
        }
        expectUnwritable([7], 0, .unsupportedCodec)
        expectUnwritable([7], 128, .unsupportedCodec)
        expectUnwritable([7, 7], 1, .malformed)
        expectUnwritable([7, 7, 7], 1, .malformed)
    }

    @Test func theBoundIsOfTheBodyAsItIs() throws {
        let size = try self.codec.encode(self.run(1_000)).count
        let (exact, small) = (EnvelopeCodec(maximumBytes: size), EnvelopeCodec(maximumBytes: size - 1))
        let bytes = try exact.encode(self.run(1_000), storing: [7], codec: 1)
        #expect(self.refusal(bytes, codec: exact, self.runs) == nil)
        #expect(self.refusal(bytes, codec: small, self.runs)?.code == .tooLarge)
        #expect(throws: EnvelopeError(.tooLarge, "\(size) bytes")) {
            try small.encode(self.run(1_000), storing: [7], codec: 1)
        }
    }

    @Test func anExpanderIsCheckedAndAskedLast() throws {
        let bytes = try self.codec.encode(self.run(1_000), storing: [7], codec: 1)
        let short = BodyExpander(codecs: [1]) { _, _, rawLength throws(EnvelopeError) in
            [UInt8](repeating: 7, count: rawLength - 1)
        }
        #expect(self.refusal(bytes, short) == EnvelopeError(.malformed, "the body's length"))
        // The form, which nothing but the checksum and the key comes before.
        var damaged = Array(bytes.dropLast(4))
        damaged[6] = 9
        damaged += withUnsafeBytes(of: damaged.withUnsafeBytes { CRC32C.checksum($0) }.littleEndian) { Array($0) }
        let called = BodyExpander(codecs: [1]) { _, _, _ throws(EnvelopeError) in
            Issue.record("asked for the body of a damaged envelope")
            return []
        }
        #expect(self.refusal(damaged, called) == EnvelopeError(.malformed, "the form"))
    }
}
