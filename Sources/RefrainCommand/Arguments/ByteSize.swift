import ArgumentParser

/// A size as people write it: `256MB`, `1GiB`, `4096` (bytes). `KB`, `MB`, `GB` are powers of 1,000, `KiB`, `MiB`,
/// `GiB` of 1,024.
struct ByteSize: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    init(_ bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let unit = argument.dropFirst(digits.count).lowercased()
        guard let count = Int(digits), let factor = Self.units.first(where: { $0.name.lowercased() == unit })?.bytes
        else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.init(bytes)
    }

    /// The size in the largest unit that divides it.
    var description: String {
        let unit = Self.units.first { self.bytes >= $0.bytes && self.bytes % $0.bytes == 0 } ?? ("B", 1)
        return "\(self.bytes / unit.bytes)\(unit.name)"
    }

    var defaultValueDescription: String { self.description }

    private static let units: [(name: String, bytes: Int)] = [
        ("GB", 1_000_000_000), ("GiB", 1 << 30), ("MB", 1_000_000), ("MiB", 1 << 20), ("KB", 1_000), ("KiB", 1 << 10),
        ("B", 1), ("", 1),
    ]
}
