/// The name under which an answer is cached: 32 bytes that no two different requests share.
///
/// It is an HMAC-SHA-256, so its bytes are uniform: hash tables use one word of it, shards another.
@frozen
public struct RequestKey: Hashable, Sendable, CustomStringConvertible {
    @usableFromInline let word0: UInt64
    @usableFromInline let word1: UInt64
    @usableFromInline let word2: UInt64
    @usableFromInline let word3: UInt64

    /// The number of bytes in a key.
    public static let byteCount = 32

    /// Creates a key from its 32 bytes; nil for any other number of them.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
        (self.word0, self.word1, self.word2, self.word3) = words
    }

    /// Creates a key from 64 hexadecimal digits of either case; nil for anything else.
    public init?(hex: some StringProtocol) {
        let digits = hex.utf8.compactMap(\.hexDigitValue)
        guard digits.count == 2 * Self.byteCount, hex.utf8.count == digits.count else { return nil }
        self.init(bytes: stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }

    /// Calls `body` with the key's 32 bytes.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try Swift.withUnsafeBytes(of: self, body)
    }

    /// A word for choosing a shard: uniform, and not the one that ``hash(into:)`` uses.
    @inlinable package var shardWord: UInt64 { self.word3 }

    /// Feeds one word of the key, which is uniform already.
    @inlinable
    public func hash(into hasher: inout Hasher) { hasher.combine(self.word0) }

    /// The key as 64 lower-case hexadecimal digits.
    public var hex: String {
        self.withUnsafeBytes { bytes in
            String(unsafeUninitializedCapacity: 2 * Self.byteCount) { output in
                for (index, byte) in bytes.enumerated() {
                    output[2 * index] = JSONString.hexDigits[Int(byte >> 4)]
                    output[2 * index + 1] = JSONString.hexDigits[Int(byte & 0xF)]
                }
                return 2 * Self.byteCount
            }
        }
    }

    /// The same as ``hex``.
    public var description: String { self.hex }
}
