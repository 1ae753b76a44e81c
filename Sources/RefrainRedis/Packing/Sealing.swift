/// How envelopes are sealed with AES-256-GCM before they go to a shared tier, so that the tier can neither read nor
/// change them, nor give one in place of another.
///
/// What a tier still sees: which keys are asked for and when, and how long their envelopes are.
public struct Sealing: Equatable, Sendable {
    /// The key that seals, and that opens.
    public var key: SealingKey

    /// Keys that only open: what they have sealed can still be read.
    ///
    /// To change the key without a miss, first add the new one here on every member; then make it ``key`` and put the
    /// old one here; then take the old one out, once what it sealed is no longer fresh.
    public var previousKeys: [SealingKey]

    /// Whether envelopes that are not sealed are read too. By default they are refused, since whoever may write to the
    /// tier could have written them. True is for the time of a migration.
    public var acceptsUnsealed: Bool

    /// Creates a configuration.
    public init(key: SealingKey, previousKeys: [SealingKey] = [], acceptsUnsealed: Bool = false) {
        self.key = key
        self.previousKeys = previousKeys
        self.acceptsUnsealed = acceptsUnsealed
    }

    /// The key with this id; nil where there is none.
    func key(id: some Sequence<UInt8>) -> SealingKey? {
        ([self.key] + self.previousKeys).first { $0.idBytes.elementsEqual(id) }
    }
}
