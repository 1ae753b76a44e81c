// Envelopes: any bytes are read or refused, and what is read is written as the same bytes.
import RefrainCore
import RefrainKeys

private let codec = EnvelopeCodec()

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    // The key that the bytes claim, so that the check of the echo does not hide what is behind it.
    guard let offset = keyOffset, bytes.count >= offset + RequestKey.byteCount,
        let key = RequestKey(bytes: bytes[offset..<offset + RequestKey.byteCount])
    else { return 0 }
    do throws(EnvelopeError) {
        let envelope = try codec.decode(bytes, for: key)
        guard envelope.key == key else { fatalError("an envelope has another key than it was read for") }
        guard try codec.encode(envelope) == bytes else { fatalError("an envelope is written as other bytes") }
    } catch {
        return 0
    }
    return 0
}

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
