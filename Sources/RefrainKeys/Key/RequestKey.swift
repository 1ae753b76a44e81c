/// The name under which an answer is cached: 32 bytes that no two different requests share.
///
/// It is an HMAC-SHA-256, so its bytes are uniform: hash tables need no more than one word of it.
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

    /// Creates a key from the 32 bytes of a digest.
    init(_ digest: UnsafeRawBufferPointer) {
        self.word0 = digest.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        self.word1 = digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        self.word2 = digest.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        self.word3 = digest.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
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

    /// All 32 bytes mixed into one word, for hash tables of our own: its high bits choose a shard, its low bits a bucket.
    ///
    /// Mixed, although derived keys are uniform, because ``init(bytes:)`` takes any bytes. The factors are arbitrary odd
    /// numbers; the last step is a multiply and fold, so that every input bit reaches the low and the high bits.
    @inlinable package var mixedWord: UInt64 {
        let sum =
            (self.word0 &* 0x9E37_79B9_7F4A_7C15) ^ (self.word1 &* 0xC2B2_AE3D_27D4_EB4F)
            ^ (self.word2 &* 0x1656_67B1_9E37_79F9) ^ (self.word3 &* 0xD6E8_FEB8_6659_FD93)
        let folded = (sum ^ (sum &>> 32)) &* 0xA076_1D64_78BD_642F
        return folded ^ (folded &>> 29)
    }

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
