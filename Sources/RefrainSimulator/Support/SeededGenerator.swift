import Crypto

/// SplitMix64: small, fast, and the same on every platform, which is all that a simulation asks of it.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    /// A generator whose sequence is a function of `parts`, each told apart from its neighbours.
    init(seed: UInt64, _ parts: [UInt64]) {
        var mixer = SeededGenerator(seed: seed)
        var state = mixer.next()
        for part in parts {
            mixer = SeededGenerator(seed: state ^ part)
            state = mixer.next()
        }
        self.state = state
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var word = self.state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// A number from 0 up to 1, without 1.
    mutating func fraction() -> Double { Double(self.next() >> 11) * 0x1p-53 }

    /// An element of a collection that is not empty.
    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }

    /// `count` characters of the alphabet that the API's identifiers are written in.
    mutating func base58(_ count: Int) -> String {
        String(decoding: (0..<count).map { _ in self.pick(Self.base58Alphabet) }, as: UTF8.self)
    }

    /// `count` random bytes in Base64.
    mutating func base64(_ count: Int) -> String {
        let alphabet = Self.base64Alphabet
        var result = (0..<(count + 2) / 3 * 4).map { _ in self.pick(alphabet) }
        let padding = (3 - count % 3) % 3
        result.replaceSubrange(
            result.count - padding..<result.count, with: repeatElement(UInt8(ascii: "="), count: padding))
        return String(decoding: result, as: UTF8.self)
    }

    private static let base58Alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)
    private static let base64Alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
}

/// A SHA-256 digest as four words: what requests, prompt prefixes and accounts are told apart by.
package struct ContentDigest: Hashable, Sendable {
    package let words: SIMD4<UInt64>

    /// The digest of `bytes`.
    package init(_ bytes: [UInt8]) {
        var words = SIMD4<UInt64>()
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: Array(SHA256.hash(data: bytes))) }
        self.words = words
    }

    /// The digest of `content` after everything that `previous` stands for.
    package init(_ previous: ContentDigest, then content: ContentDigest) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64)
        withUnsafeBytes(of: previous.words) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: content.words) { bytes.append(contentsOf: $0) }
        self.init(bytes)
    }
}
