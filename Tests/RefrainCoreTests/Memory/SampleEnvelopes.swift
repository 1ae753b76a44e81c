import RefrainCore
import RefrainKeys

/// A key that is all its own for `number`, without being uniform: stores must not rely on that.
func sampleKey(_ number: Int) -> RequestKey {
    let last = withUnsafeBytes(of: UInt64(bitPattern: Int64(number)).bigEndian) { Array($0) }
    guard let key = RequestKey(bytes: [UInt8](repeating: 0, count: RequestKey.byteCount - 8) + last) else {
        preconditionFailure("32 bytes are a key")
    }
    return key
}

/// An envelope for the tests of stores: created at 1,000, fresh until 2,000, stale until 3,000.
func sampleEnvelope(
    _ key: RequestKey, created: Int64 = 1_000, freshUntil: Int64 = 2_000, staleUntil: Int64 = 3_000,
    generation: GenerationStamp = GenerationStamp(epoch: 7, clock: 0), labels: [Label] = [],
    details: Envelope.Details = Envelope.Details(), headers: [HTTPHeader] = [], body: [UInt8] = []
) -> Envelope {
    Envelope(
        key: key, form: .message, created: Timestamp(milliseconds: created),
        freshUntil: Timestamp(milliseconds: freshUntil), staleUntil: Timestamp(milliseconds: staleUntil),
        generation: generation, labels: labels, details: details, headers: headers, body: body)
}

/// A store whose epoch is 7, as ``sampleEnvelope(_:created:freshUntil:staleUntil:generation:labels:details:headers:body:)``
/// has it.
func sampleStore(_ configuration: MemoryStore.Configuration = MemoryStore.Configuration()) -> MemoryStore {
    MemoryStore(configuration, generations: GenerationTracker(record: GenerationRecord(epoch: 7)))
}
