// Envelopes: any bytes are read or refused, what is read as it is, is written as the same bytes, and what is read in any
// form is packed and unpacked to itself.
import RefrainCore
import RefrainKeys
@_spi(Fuzzing) import RefrainRedis

private let codec = EnvelopeCodec()
private let plain = EnvelopePacker(maximumBytes: maximumBytes, compression: .off)
private let compressed = EnvelopePacker(maximumBytes: maximumBytes)
/// Seals with the key of the fixtures, which are among the seeds.
private let sealed: EnvelopePacker? = {
    guard let key = try? SealingKey(bytes: 0..<32) else { return nil }
    return EnvelopePacker(maximumBytes: maximumBytes, sealing: Sealing(key: key))
}()
/// So that what takes long is the exception: a stream can hold a thousand times its own size.
private let maximumBytes = 4 << 20

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    // A length is announced or not, and nothing else happens.
    if let total = EnvelopePacker.totalBytes(ofPrefix: Array(bytes.prefix(256))), total < min(256, count) {
        fatalError("an envelope announces less than there is of it")
    }
    // A sealed envelope shows no key. It is that of the fixtures, if it is a fixture.
    if let fixtureKey { unpack(bytes, for: fixtureKey) }
    // The key that the bytes claim, so that the check of the echo does not hide what is behind it.
    guard let offset = keyOffset, bytes.count >= offset + RequestKey.byteCount,
        let key = RequestKey(bytes: bytes[offset..<offset + RequestKey.byteCount])
    else { return 0 }
    decode(bytes, for: key)
    unpack(bytes, for: key)
    // And with the checksum that they should have, for the same reason.
    let corrected = withChecksum(bytes)
    decode(corrected, for: key)
    unpack(corrected, for: key)
    return 0
}

private func decode(_ bytes: [UInt8], for key: RequestKey) {
    do throws(EnvelopeError) {
        let envelope = try codec.decode(bytes, for: key)
        guard envelope.key == key else { fatalError("an envelope has another key than it was read for") }
        guard try codec.encode(envelope) == bytes else { fatalError("an envelope is written as other bytes") }
    } catch {
        return
    }
}

private func unpack(_ bytes: [UInt8], for key: RequestKey) {
    guard let sealed else { fatalError("32 bytes are a key") }
    for packer in [compressed, sealed] {
        do throws(EnvelopeError) {
            let envelope = try packer.unpack(bytes, for: key)
            guard envelope.key == key else { fatalError("an envelope has another key than it was unpacked for") }
            guard EnvelopePacker.totalBytes(ofPrefix: Array(bytes.prefix(256))) == bytes.count else {
                fatalError("an envelope announces another length than it has")
            }
            try repack(envelope, damagedAt: bytes.count, sealed)
        } catch {
            continue
        }
    }
}

/// Packs an envelope in every form, and unpacks it as it was. Sealed and then damaged, it does not unpack.
private func repack(
    _ envelope: Envelope, damagedAt position: Int, _ sealed: EnvelopePacker
) throws(EnvelopeError) {
    let content = try codec.encode(envelope)
    for (packer, reader) in [(plain, compressed), (compressed, plain), (sealed, sealed)] {
        let packed: [UInt8]
        do throws(EnvelopeError) {
            packed = try packer.pack(envelope)
        } catch {
            fatalError("an envelope that was unpacked is not packed: \(error)")
        }
        do throws(EnvelopeError) {
            let again = try reader.unpack(packed, for: envelope.key)
            guard try codec.encode(again) == content else { fatalError("an envelope is unpacked as another one") }
        } catch {
            fatalError("an envelope that was packed is not unpacked: \(error)")
        }
    }
    var damaged = try sealed.pack(envelope)
    damaged[position % damaged.count] ^= UInt8(1 << (position & 7))
    do throws(EnvelopeError) {
        _ = try sealed.unpack(damaged, for: envelope.key)
    } catch {
        return
    }
    fatalError("a damaged seal was opened")
}

/// `bytes` with the last four made the CRC-32C of the others.
private func withChecksum(_ bytes: [UInt8]) -> [UInt8] {
    let checked = bytes.dropLast(4)
    var remainder = ~UInt32(0)
    for byte in checked {
        remainder ^= UInt32(byte)
        for _ in 0..<8 { remainder = remainder & 1 == 0 ? remainder >> 1 : remainder >> 1 ^ 0x82F6_3B78 }
    }
    return checked + withUnsafeBytes(of: (~remainder).littleEndian) { Array($0) }
}

/// The key that the fixtures were stored under.
private let fixtureKey = RequestKey(bytes: [UInt8](repeating: 0, count: 31) + [1])

/// Where an envelope holds its key: found by looking, so that this does not repeat the format.
private let keyOffset: Int? = {
    guard let key = RequestKey(bytes: (0..<32).map { UInt8(0xA0 + $0) }) else { return nil }
    let envelope = Envelope(
        key: key, form: .bytes, created: Timestamp(milliseconds: 1), freshUntil: Timestamp(milliseconds: 2),
        staleUntil: Timestamp(milliseconds: 3), generation: GenerationStamp(epoch: 1, clock: 1), labels: [],
        details: .init(), headers: [], body: [])
    guard let bytes = try? codec.encode(envelope) else { return nil }
    let pattern = key.withUnsafeBytes { Array($0) }
    return bytes.indices.first { bytes[$0...].starts(with: pattern) }
}()
