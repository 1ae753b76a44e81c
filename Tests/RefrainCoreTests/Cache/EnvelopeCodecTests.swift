import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@Suite struct EnvelopeCodecTests {
    private let codec = EnvelopeCodec()

    @Test func checksumIsCRC32C() {
        // RFC 3720, appendix B.4, and the check value that catalogues of such sums give.
        let zeros = [UInt8](repeating: 0, count: 32)
        let ascending = [UInt8](0..<32)
        #expect(Array("123456789".utf8).withUnsafeBytes { CRC32C.checksum($0) } == 0xE306_9283)
        #expect(zeros.withUnsafeBytes { CRC32C.checksum($0) } == 0x8A91_36AA)
        #expect(ascending.withUnsafeBytes { CRC32C.checksum($0) } == 0x46DD_794E)
        #expect([].withUnsafeBytes { CRC32C.checksum($0) } == 0)
    }

    @Test func decodesWhatItEncodes() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<600 {
            let envelope = randomEnvelope(using: &random)
            let bytes = try self.codec.encode(envelope)
            let decoded = try self.codec.decode(bytes, for: envelope.key)
            expectSame(decoded, envelope)
            #expect(try self.codec.encode(decoded) == bytes)
        }
    }

    @Test func keepsExtremes() throws {
        let extreme = Envelope(
            key: sampleKey(1), form: .bytes, created: Timestamp(milliseconds: .min),
            freshUntil: Timestamp(milliseconds: .min), staleUntil: .distantFuture,
            generation: GenerationStamp(epoch: .max, clock: .max),
            labels: (0..<16).map { Label.tag(String(repeating: "x", count: 122) + "\($0 % 10)") },
            details: Envelope.Details(
                requestedModel: String(repeating: "m", count: 65_535), usage: Usage(inputTokens: .max),
                cost: -0.0, upstreamMilliseconds: .max, toolUseIDs: [""]),
            headers: [HTTPHeader("", ""), HTTPHeader("content-type", "a\0b")], body: [])
        let decoded = try self.codec.decode(try self.codec.encode(extreme), for: sampleKey(1))
        expectSame(decoded, extreme)
    }

    @Test func refusesAnotherKey() throws {
        let bytes = try self.codec.encode(sampleEnvelope(sampleKey(1)))
        expectRefusal(bytes, .wrongKey, key: sampleKey(2))
    }

    @Test func refusesAnythingBeforeOrAfter() throws {
        let bytes = try self.codec.encode(sampleEnvelope(sampleKey(1), body: [1, 2, 3]))
        expectRefusal(bytes + [0], .trailingBytes)
        expectRefusal(bytes + bytes, .trailingBytes)
        expectRefusal([0] + bytes, .notAnEnvelope)
        expectRefusal([], .truncated)
    }

    @Test func refusesEveryTruncation() throws {
        let bytes = try self.codec.encode(richEnvelope())
        for count in 0..<bytes.count { expectRefusal(Array(bytes.prefix(count)), .truncated) }
    }

    @Test func refusesVersionsAndCodecsOfTheFuture() throws {
        let bytes = try self.codec.encode(sampleEnvelope(sampleKey(1)))
        expectRefusal(replacing(bytes, at: 4, with: [2]), .unsupportedVersion)
        expectRefusal(replacing(bytes, at: 4, with: [0]), .unsupportedVersion)
        for codec: UInt8 in [1, 127, 128, 255] {
            expectRefusal(replacing(bytes, at: 5, with: [codec]), .unsupportedCodec)
        }
    }

    @Test func boundsWhatIsAnnouncedBeforeBelievingIt() throws {
        let bytes = try self.codec.encode(sampleEnvelope(sampleKey(1), body: [1, 2, 3]))
        let huge = [UInt8](repeating: 0xFF, count: 8)
        let largest = [UInt8](repeating: 0xFF, count: 7) + [0x7F]
        expectRefusal(replacing(bytes, at: 8, with: [0xFF, 0xFF, 0xFF, 0xFF]), .truncated)
        for length in [huge, largest] {
            expectRefusal(replacing(bytes, at: 136, with: length), .malformed)
            expectRefusal(replacing(bytes, at: 136, with: length + length), .truncated)
        }
        for offset in [152, 154, 156] {
            let error = refusal(replacing(bytes, at: offset, with: [0xFF, 0xFF]))
            #expect(error?.code == .malformed || error?.code == .tooLarge)
        }
        let small = EnvelopeCodec(maximumBytes: bytes.count - 1)
        #expect(throws: EnvelopeError(.tooLarge, "\(bytes.count) bytes")) { try small.decode(bytes, for: sampleKey(1)) }
        #expect(throws: EnvelopeError(.tooLarge, "\(bytes.count) bytes")) {
            try small.encode(sampleEnvelope(sampleKey(1), body: [1, 2, 3]))
        }
        #expect(throws: Never.self) { try EnvelopeCodec(maximumBytes: bytes.count).decode(bytes, for: sampleKey(1)) }
    }

    @Test func refusesFieldsThatItWouldNotWrite() throws {
        let bytes = try self.codec.encode(richEnvelope())
        let negative = [UInt8](repeating: 0xFF, count: 8)
        expectRefusal(replacing(bytes, at: 6, with: [3]), .malformed)
        expectRefusal(replacing(bytes, at: 7, with: [2]), .malformed)
        // The flag says that there is no cost, and yet there is one.
        expectRefusal(replacing(bytes, at: 7, with: [0]), .malformed)
        for offset in stride(from: 88, through: 120, by: 8) {
            expectRefusal(replacing(bytes, at: offset, with: negative), .malformed)
        }
        expectRefusal(replacing(bytes, at: 128, with: negative), .malformed)
        expectRefusal(replacing(bytes, at: 64, with: negative), .malformed)
        expectRefusal(replacing(bytes, at: 158, with: [1]), .malformed)
        // The first string's first byte, made the start of a longer UTF-8 sequence.
        expectRefusal(replacing(bytes, at: 162, with: [0xC3]), .malformed)
        let upper = try #require(bytes.firstRange(of: Array("request-id".utf8)))
        expectRefusal(replacing(bytes, at: upper.lowerBound, with: [UInt8(ascii: "R")]), .malformed)
    }

    @Test func refusesToWriteWhatItCouldNotRead() {
        func expectUnwritable(_ envelope: Envelope, _ code: EnvelopeError.Code) {
            do throws(EnvelopeError) {
                _ = try self.codec.encode(envelope)
                Issue.record("written, although \(code)")
            } catch {
                #expect(error.code == code)
            }
        }
        let key = sampleKey(1)
        let long = String(repeating: "x", count: 65_536)
        expectUnwritable(sampleEnvelope(key, labels: Array(repeating: .tag("a"), count: 17)), .tooLarge)
        expectUnwritable(sampleEnvelope(key, labels: [.tag(String(repeating: "x", count: 125))]), .tooLarge)
        expectUnwritable(sampleEnvelope(key, details: .init(answeringModel: long)), .tooLarge)
        expectUnwritable(
            sampleEnvelope(key, details: .init(toolUseIDs: Array(repeating: "", count: 65_536))), .tooLarge)
        expectUnwritable(sampleEnvelope(key, headers: [HTTPHeader("a", long)]), .tooLarge)
        expectUnwritable(sampleEnvelope(key, details: .init(usage: Usage(outputTokens: -1))), .malformed)
        expectUnwritable(sampleEnvelope(key, details: .init(cost: .nan)), .malformed)
        expectUnwritable(sampleEnvelope(key, details: .init(cost: .infinity)), .malformed)
    }

    // MARK: Mutation

    @Test func noticesEveryFlippedByte() throws {
        let bytes = try self.codec.encode(richEnvelope())
        for offset in bytes.indices {
            for mask: UInt8 in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF] {
                var mutated = bytes
                mutated[offset] ^= mask
                #expect(throws: EnvelopeError.self) { try self.codec.decode(mutated, for: sampleKey(1)) }
            }
        }
    }

    /// With the checksum made right again, so that everything behind it is reached: what is accepted is then exactly
    /// what would be written, and under the right key.
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func acceptsOnlyWhatItWouldWrite(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for _ in 0..<1_500 {
            let envelope = randomEnvelope(using: &random)
            var mutated = try self.codec.encode(envelope).dropLast(4) as ArraySlice<UInt8>
            for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&mutated, using: &random) }
            let bytes = sealed(Array(mutated))
            do throws(EnvelopeError) {
                let decoded = try self.codec.decode(bytes, for: envelope.key)
                #expect(decoded.key == envelope.key)
                #expect(try self.codec.encode(decoded) == bytes)
                accepted += 1
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
        #expect(accepted > 30)
    }

    private func mutate(_ bytes: inout ArraySlice<UInt8>, using random: inout SeededGenerator) {
        guard let offset = bytes.indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[offset] = UInt8.random(in: .min ... .max, using: &random)
        case 1: bytes[offset] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
        case 2: bytes.remove(at: offset)
        case 3: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: offset)
        default: bytes.removeLast(min(bytes.count, Int.random(in: 1...16, using: &random)))
        }
    }

    // MARK: Help

    private func refusal(_ bytes: [UInt8], key: RequestKey = sampleKey(1)) -> EnvelopeError? {
        do throws(EnvelopeError) {
            _ = try self.codec.decode(bytes, for: key)
            return nil
        } catch {
            return error
        }
    }

    private func expectRefusal(
        _ bytes: [UInt8], _ code: EnvelopeError.Code, key: RequestKey = sampleKey(1),
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(self.refusal(bytes, key: key)?.code == code, sourceLocation: sourceLocation)
    }

    /// `bytes` with some replaced, and the checksum made right again.
    private func replacing(_ bytes: [UInt8], at offset: Int, with replacement: [UInt8]) -> [UInt8] {
        var bytes = Array(bytes.dropLast(4))
        bytes.replaceSubrange(offset..<offset + replacement.count, with: replacement)
        return sealed(bytes)
    }

    private func sealed(_ bytes: [UInt8]) -> [UInt8] {
        bytes + withUnsafeBytes(of: bytes.withUnsafeBytes { CRC32C.checksum($0) }.littleEndian) { Array($0) }
    }
}

/// An envelope with something in every field.
func richEnvelope() -> Envelope {
    Envelope(
        key: sampleKey(1), form: .message, created: Timestamp(milliseconds: 1_767_225_600_123),
        freshUntil: Timestamp(milliseconds: 1_767_830_400_123), staleUntil: Timestamp(milliseconds: 1_767_834_000_123),
        generation: GenerationStamp(epoch: 0x0123_4567_89AB_CDEF, clock: 42),
        labels: [.tag("café"), .model("claude-sonnet-4-5"), .version("2")],
        details: Envelope.Details(
            requestedModel: "claude-sonnet-4-5", answeringModel: "claude-sonnet-4-5-20250929",
            usage: Usage(
                inputTokens: 11, outputTokens: 22, cacheReadTokens: 33, cacheWrite5mTokens: 44, cacheWrite1hTokens: 55),
            cost: 0.000_375, upstreamMilliseconds: 1_234, toolUseIDs: ["toolu_01A", "toolu_01B"]),
        headers: [HTTPHeader("content-type", "application/json"), HTTPHeader("request-id", "req_011")],
        body: Array(#"{"type":"message","content":[{"type":"text","text":"hello"}]}"#.utf8))
}

/// An envelope with anything in any field.
private func randomEnvelope(using random: inout SeededGenerator) -> Envelope {
    func string(_ maximum: Int) -> String {
        String(
            String.UnicodeScalarView(
                (0..<Int.random(in: 0...maximum, using: &random)).map { _ in
                    ["a", "Z", "0", "-", "\0", "\u{E9}", "\u{301}", "\u{20AC}", "\u{1F600}"]
                        .randomElement(using: &random) ?? "x"
                }))
    }
    func many<Value>(_ maximum: Int, _ make: () -> Value) -> [Value] {
        (0..<Int.random(in: 0...maximum, using: &random)).map { _ in make() }
    }
    func time() -> Timestamp { Timestamp(milliseconds: Int64.random(in: .min ... .max, using: &random)) }
    func tokens() -> Int { Int.random(in: 0...(.max), using: &random) }
    let cost = Double(bitPattern: random.next())
    return Envelope(
        key: RequestKey(bytes: random.bytes(32)) ?? sampleKey(0),
        form: [.message, .events, .bytes].randomElement(using: &random) ?? .message, created: time(),
        freshUntil: time(), staleUntil: time(),
        generation: GenerationStamp(epoch: random.next(), clock: random.next()),
        labels: many(16) { Label.tag(string(30)) },
        details: Envelope.Details(
            requestedModel: string(40), answeringModel: string(40),
            usage: Usage(
                inputTokens: tokens(), outputTokens: tokens(), cacheReadTokens: tokens(),
                cacheWrite5mTokens: tokens(), cacheWrite1hTokens: tokens()),
            cost: cost.isFinite && Bool.random(using: &random) ? cost : nil,
            upstreamMilliseconds: UInt32.random(in: .min ... .max, using: &random), toolUseIDs: many(4) { string(40) }),
        headers: many(4) { HTTPHeader(string(20).lowercased(), string(40)) },
        body: random.bytes(Int.random(in: 0...600, using: &random)))
}

/// Compares strings by their bytes, which `==` does not.
func expectSame(_ one: Envelope, _ other: Envelope, sourceLocation: SourceLocation = #_sourceLocation) {
    func strings(_ envelope: Envelope) -> [[UInt8]] {
        let details = envelope.details
        return
            ([details.requestedModel, details.answeringModel] + envelope.labels.map(\.description) + ["/"]
            + details.toolUseIDs + ["/"] + envelope.headers.flatMap { [$0.name, $0.value] }).map { Array($0.utf8) }
    }
    #expect(one.key == other.key, sourceLocation: sourceLocation)
    #expect(one.form == other.form, sourceLocation: sourceLocation)
    #expect(one.created == other.created, sourceLocation: sourceLocation)
    #expect(one.freshUntil == other.freshUntil, sourceLocation: sourceLocation)
    #expect(one.staleUntil == other.staleUntil, sourceLocation: sourceLocation)
    #expect(one.generation == other.generation, sourceLocation: sourceLocation)
    #expect(strings(one) == strings(other), sourceLocation: sourceLocation)
    #expect(one.details.usage == other.details.usage, sourceLocation: sourceLocation)
    #expect(one.details.cost?.bitPattern == other.details.cost?.bitPattern, sourceLocation: sourceLocation)
    #expect(
        one.details.upstreamMilliseconds == other.details.upstreamMilliseconds, sourceLocation: sourceLocation)
    #expect(one.body == other.body, sourceLocation: sourceLocation)
}
