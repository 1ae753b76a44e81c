#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The randomness of a generated workload: the same for the same seed, on every machine.
///
/// SplitMix64 (Steele, Lea and Flood, 2014), and the usual transforms of its numbers.
struct TrafficRandomness: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, but not, 1.
    mutating func unit() -> Double { Double(self.next() >> 11) * 0x1p-53 }

    /// Whether something comes true that does with the given probability.
    mutating func chance(_ probability: Double) -> Bool { self.unit() < probability }

    /// An exponentially distributed number: the gaps of a Poisson process.
    mutating func exponential(mean: Double) -> Double { -mean * log(1 - self.unit()) }

    /// A log-normally distributed number: lengths, and the gaps of what people do. By Box and Muller.
    mutating func logNormal(median: Double, sigma: Double) -> Double {
        let radius = (-2 * log(1 - self.unit())).squareRoot()
        return median * exp(sigma * radius * cos(2 * Double.pi * self.unit()))
    }

    /// An integer from 0 up to, but not, `count`, all equally likely.
    mutating func index(below count: Int) -> Int { Int(self.unit() * Double(max(1, count))) }
}

/// Ranks of which the n-th is chosen with a probability in proportion to 1 / n to the power of an exponent.
struct ZipfRanks {
    private let cumulative: [Double]

    /// Prepares `count` ranks, counted from 0. Linear.
    init(count: Int, exponent: Double) {
        var sum = 0.0
        self.cumulative = (1...max(1, count)).map { rank in
            sum += pow(Double(rank), -exponent)
            return sum
        }
    }

    /// A rank. Logarithmic in their number.
    func rank(_ randomness: inout TrafficRandomness) -> Int {
        let target = randomness.unit() * (self.cumulative.last ?? 0)
        var (low, high) = (0, self.cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if self.cumulative[middle] <= target { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Writes text of a wanted length that is the same for the same number, and shares no beginning with another's.
enum GeneratedText {
    private static let words = [
        "the", "order", "system", "of", "account", "and", "reset", "when", "value", "in", "report", "user", "to",
        "file",
        "a", "payment", "with", "date", "is", "window", "for", "table", "on", "error", "from", "service", "that", "key",
        "by", "record", "at", "number",
    ]

    /// About `tokens` tokens of text.
    static func text(_ number: UInt64, tokens: Int) -> [UInt8] {
        var randomness = TrafficRandomness(seed: number &* 0xD134_2543_DE82_EF95 &+ 1)
        let length = max(1, tokens) * TokenRule.characters
        var text = Array("\(String(number, radix: 36)) ".utf8)
        text.reserveCapacity(length + 16)
        while text.count < length {
            text += Self.words[Int(randomness.next() >> 59)].utf8
            text.append(UInt8(ascii: " "))
        }
        return Array(text.prefix(length))
    }
}
