import Foundation

/// Random numbers that a seed repeats, and the distributions that workloads draw from.
struct WorkloadRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below 1.
    mutating func unit() -> Double { Double(self.next() >> 11) * 0x1p-53 }

    /// A number whose logarithm is normally distributed (Box and Muller, 1958).
    ///
    /// - Parameters:
    ///   - median: The median.
    ///   - sigma: The standard deviation of the natural logarithm.
    mutating func logNormal(median: Double, sigma: Double) -> Double {
        let normal = (-2 * log(1 - self.unit())).squareRoot() * cos(2 * .pi * self.unit())
        return median * exp(sigma * normal)
    }
}

/// Ranks from 0 whose probability falls as a power of the rank (Zipf).
struct ZipfDistribution: Sendable {
    private var cumulated: [Double] = []

    /// Creates a distribution over `count` ranks: rank r has a weight of 1 / (r + 1) ^ exponent.
    init(count: Int, exponent: Double) {
        var sum = 0.0
        self.cumulated.reserveCapacity(count)
        for rank in 0..<count {
            sum += pow(Double(rank + 1), -exponent)
            self.cumulated.append(sum)
        }
    }

    /// Draws a rank. O(log count).
    func draw(_ random: inout WorkloadRandom) -> Int {
        let wanted = random.unit() * (self.cumulated.last ?? 0)
        var low = 0
        var high = self.cumulated.count - 1
        while low < high {
            let middle = (low + high) / 2
            if self.cumulated[middle] > wanted { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
