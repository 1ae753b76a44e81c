import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A secret of 32 bytes that seals what goes to a shared tier, and opens it again.
///
/// Whoever has it can read and forge everything in the tier. It is shown nowhere: a description, a dump and an error have
/// at most its ``id``.
///
/// A key should not seal more than 2^32 envelopes: their nonces are random, and two equal ones would give the contents
/// away. Change it before that, with ``Sealing/previousKeys``.
public struct SealingKey: Equatable, Sendable {
    /// The bytes of a key.
    public static let byteCount = 32

    let material: SymmetricKey
    /// What an envelope says it was sealed with.
    let idBytes: [UInt8]

    /// Creates a key from its bytes.
    ///
    /// - Throws: ``SealingKeyError`` where they are not 32.
    public init(bytes: some Collection<UInt8>) throws(SealingKeyError) {
        let bytes = Array(bytes)
        guard bytes.count == Self.byteCount else {
            throw SealingKeyError(.length, "a sealing key has 32 bytes, and these are \(bytes.count)")
        }
        var hash = SHA256()
        for part in [Array("refrain/sealing-key/1".utf8), bytes] {
            part.withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
        self.material = SymmetricKey(data: bytes)
        self.idBytes = Array(hash.finalize().prefix(8))
    }

    /// Creates a key from text, as files and environment variables hold it: 64 hexadecimal digits, or the base64 of 32
    /// bytes in either alphabet, padded (44 characters) or not (43). White space around it is left out.
    ///
    /// `openssl rand -base64 32` makes one.
    ///
    /// - Throws: ``SealingKeyError``, which has none of the text.
    public init(_ text: some StringProtocol) throws(SealingKeyError) {
        let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        let characters = text.utf8.drop { space.contains($0) }.reversed().drop { space.contains($0) }.reversed()
        let digits = Array(characters)
        switch digits.count {
        case 64: try self.init(bytes: Self.hexadecimal(digits))
        case 43, 44: try self.init(bytes: Self.base64(digits))
        default:
            throw SealingKeyError(
                .length,
                "a sealing key is 64 hexadecimal digits or 44 characters of base64, and these are \(digits.count)")
        }
    }

    /// A new key from the system's source of randomness.
    public static func random() -> SealingKey {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<Self.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        do throws(SealingKeyError) {
            return try SealingKey(bytes: bytes)
        } catch {
            preconditionFailure("32 bytes are a key")
        }
    }

    /// A short name for the key, safe to log: it tells keys apart, and reveals nothing of them. 16 hexadecimal digits.
    public var id: String {
        self.idBytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Whether two keys are the same, in a time that does not depend on where they differ.
    public static func == (one: SealingKey, other: SealingKey) -> Bool { one.material == other.material }

    private static func hexadecimal(_ digits: [UInt8]) throws(SealingKeyError) -> [UInt8] {
        let values = digits.compactMap { Character(UnicodeScalar($0)).hexDigitValue.map(UInt8.init) }
        guard values.count == digits.count else {
            throw SealingKeyError(.encoding, "64 characters that are not all hexadecimal digits")
        }
        return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }

    private static func base64(_ digits: [UInt8]) throws(SealingKeyError) -> [UInt8] {
        let standard = digits.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "+") : $0 == UInt8(ascii: "_") ? 0x2F : $0 }
        let padded = standard.count == 43 ? standard + [UInt8(ascii: "=")] : standard
        guard let bytes = Data(base64Encoded: Data(padded)) else {
            throw SealingKeyError(.encoding, "\(digits.count) characters that are not base64")
        }
        return Array(bytes)
    }
}

extension SealingKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The key's ``id``, and nothing of the key.
    public var description: String { "sealing-key-" + self.id }

    /// The same as ``description``.
    public var debugDescription: String { self.description }

    /// The ``id`` alone, so that a dump shows no key.
    public var customMirror: Mirror { Mirror(self, children: ["id": self.id]) }
}

/// Why something is not a sealing key. It has none of what was given.
public struct SealingKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// There are too few or too many bytes or characters.
        public static let length = Code("length")
        /// The characters are not of the alphabet that their number suggests.
        public static let encoding = Code("encoding")
    }

    /// What was wrong.
    public let code: Code
    /// What was expected, without what was given.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { self.message }
}
