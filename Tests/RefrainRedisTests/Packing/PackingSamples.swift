import Crypto
import Foundation
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

/// Envelopes, keys and nonces for the tests of packing.
enum PackingSamples {
    /// A key that is all its own for `number`.
    static func key(_ number: UInt64) -> RequestKey {
        let last = withUnsafeBytes(of: number.bigEndian) { Array($0) }
        guard let key = RequestKey(bytes: [UInt8](repeating: 0, count: RequestKey.byteCount - 8) + last) else {
            preconditionFailure("32 bytes are a key")
        }
        return key
    }

    /// A sealing key made of one byte.
    static func sealingKey(_ byte: UInt8) throws -> SealingKey {
        try SealingKey(bytes: [UInt8](repeating: byte, count: SealingKey.byteCount))
    }

    /// A packer whose nonces count from 1.
    static func packer(
        compression: EnvelopeCompression = .automatic, sealing: Sealing? = nil,
        maximumBytes: Int = EnvelopeCodec().maximumBytes
    ) -> EnvelopePacker {
        let count = Locked(UInt64(0))
        return EnvelopePacker(maximumBytes: maximumBytes, compression: compression, sealing: sealing) {
            let number = count.withLock { count in
                count += 1
                return count
            }
            let bytes = [UInt8](repeating: 0, count: 4) + withUnsafeBytes(of: number.bigEndian) { Array($0) }
            do {
                return try AES.GCM.Nonce(data: bytes)
            } catch {
                preconditionFailure("12 bytes are a nonce")
            }
        }
    }

    /// An envelope with something in every field, and the given body.
    static func envelope(
        key: RequestKey = PackingSamples.key(1), form: Envelope.Form = .message, body: [UInt8] = PackingSamples.message
    ) -> Envelope {
        Envelope(
            key: key, form: form, created: Timestamp(milliseconds: 1_767_225_600_123),
            freshUntil: Timestamp(milliseconds: 1_767_830_400_123),
            staleUntil: Timestamp(milliseconds: 1_767_834_000_123),
            generation: GenerationStamp(epoch: 0x0123_4567_89AB_CDEF, clock: 42),
            labels: [.tag("café"), .model("claude-sonnet-4-5"), .version("2")],
            details: Envelope.Details(
                requestedModel: "claude-sonnet-4-5", answeringModel: "claude-sonnet-4-5-20250929",
                usage: Usage(
                    inputTokens: 11, outputTokens: 22, cacheReadTokens: 33, cacheWrite5mTokens: 44,
                    cacheWrite1hTokens: 55),
                cost: 0.000_375, upstreamMilliseconds: 1_234, toolUseIDs: ["toolu_01A", "toolu_01B"]),
            headers: [HTTPHeader("content-type", "application/json"), HTTPHeader("request-id", "req_011")], body: body)
    }

    /// A message that is long enough to be compressed.
    static let message = SampleMessage.json(
        "The tide comes in twice a day, because the Earth turns under two bulges of water: one towards the Moon, one away from it."
    )

    /// An envelope with any form, and a body of any kind and of 0 bytes to 1 MB, small ones more often.
    static func anyEnvelope(using random: inout SeededGenerator) -> Envelope {
        let count = Int.random(in: 0...(1 << Int.random(in: 0...20, using: &random)), using: &random)
        let body: [UInt8]
        switch Int.random(in: 0..<4, using: &random) {
        case 0: body = random.bytes(count)
        case 1: body = [UInt8](repeating: UInt8.random(in: .min ... .max, using: &random), count: count)
        case 2:
            let part = random.bytes(Int.random(in: 1...40, using: &random))
            body = Array((0...count / part.count).flatMap { _ in part }.prefix(count))
        default:
            let words = ["the ", "tide ", "of ", "\"type\":", "\n", "\u{20AC} ", "42 ", "{}", "Earth "]
            var text: [UInt8] = []
            while text.count < count { text += (words.randomElement(using: &random) ?? " ").utf8 }
            body = Array(text.prefix(count))
        }
        return Self.envelope(
            key: RequestKey(bytes: random.bytes(RequestKey.byteCount)) ?? Self.key(0),
            form: [.message, .events, .bytes].randomElement(using: &random) ?? .message, body: body)
    }

    /// Every field of an envelope, as bytes: those of its encoding with the body as it is, which no two envelopes share.
    static func content(of envelope: Envelope) throws -> [UInt8] {
        try EnvelopeCodec(maximumBytes: .max).encode(envelope)
    }

    /// `envelope` with its last four bytes made the checksum of the others.
    static func withChecksum(_ envelope: some Collection<UInt8>) -> [UInt8] {
        let checked = Array(envelope.dropLast(4))
        return checked + withUnsafeBytes(of: checked.withUnsafeBytes { CRC32C.checksum($0) }.littleEndian) { Array($0) }
    }

    /// The code of the error that unpacking ends with; nil where it does not.
    static func refusal(
        of bytes: [UInt8], by packer: EnvelopePacker, key: RequestKey = PackingSamples.key(1)
    ) -> EnvelopeError.Code? {
        do throws(EnvelopeError) {
            _ = try packer.unpack(bytes, for: key)
            return nil
        } catch {
            return error.code
        }
    }
}

/// The ways in which an envelope is packed.
enum PackedForm: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case plain, compressed, sealed, sealedCompressed

    var testDescription: String { self.rawValue }

    /// A packer of this form.
    func packer() throws -> EnvelopePacker {
        let sealing = try Sealing(key: PackingSamples.sealingKey(0xA1))
        return switch self {
        case .plain: PackingSamples.packer(compression: .off)
        case .compressed: PackingSamples.packer()
        case .sealed: PackingSamples.packer(compression: .off, sealing: sealing)
        case .sealedCompressed: PackingSamples.packer(sealing: sealing)
        }
    }
}
