/// The public traces of keys that eviction is compared on, and how each is written.
package struct EvictionTraceFile: Hashable, Sendable {
    enum Format {
        /// A key a line; lines of an asterisk are markers.
        case lines
        /// `start count x x` a line: the keys from start on, count of them.
        case ranges
        /// Big-endian integers of 4 bytes.
        case words
        /// Big-endian integers of 8 bytes.
        case longWords
    }

    /// The name under which it is reported.
    package let name: String
    /// The name of its file.
    package let file: String
    let format: Format
    /// Where it comes from, for whoever has to fetch it.
    let source: String

    private init(_ name: String, _ file: String, _ format: Format, _ source: String) {
        self.name = name
        self.file = file
        self.format = format
        self.source = source
    }

    private static let caffeine =
        "the resources of Caffeine's simulator, https://github.com/ben-manes/caffeine"
    private static let otter =
        "the benchmarks of Otter, https://github.com/maypok86/otter"

    /// All of them.
    package static let all = [
        Self("multi1", "multi1.trace.gz", .lines, Self.caffeine),
        Self("loop", "loop.trace.gz", .lines, Self.caffeine),
        Self("gli", "gli.trace.gz", .lines, Self.caffeine),
        Self("2_pools", "2_pools.trace.gz", .lines, Self.caffeine),
        Self("sprite", "sprite.trace.gz", .lines, Self.caffeine),
        Self("cpp", "cpp.trace.gz", .lines, Self.caffeine),
        Self("scan", "scan.trace.gz", .lines, Self.caffeine),
        Self("zigzag", "zigzag.trace.gz", .lines, Self.caffeine),
        Self("OLTP", "oltp.lis.gz", .ranges, Self.otter),
        Self("web07", "cache2k_web07.trace.xz", .words, Self.caffeine),
        Self("orm-busy", "cache2k_orm-busy.trace.xz", .words, Self.caffeine),
        Self("corda", "corda_trace_vaultservice.gz", .longWords, Self.caffeine),
    ]

    /// Reads the trace from the folder that holds the files.
    ///
    /// - Throws: ``BenchError/Code/missingData`` where the file is not there, with a message that says where to get it,
    ///   ``BenchError/Code/malformed`` where it does not have the format, and what ``CompressedFile`` throws.
    package func read(folder: String) throws(BenchError) -> EvictionTrace {
        let bytes: [UInt8]
        do {
            bytes = try CompressedFile.read("\(folder)/\(self.file)")
        } catch {
            guard error.code == .missingData else { throw error }
            throw BenchError(
                .missingData,
                "the trace \(self.name) is not in \(folder): put \(self.file) there, which is among \(self.source)")
        }
        let keys = try self.keys(bytes)
        guard !keys.isEmpty else { throw self.malformed("it has no keys") }
        return EvictionTrace(name: self.name, keys: keys)
    }

    private func malformed(_ reason: String) -> BenchError {
        BenchError(.malformed, "\(self.file) is not the trace \(self.name): \(reason)")
    }

    private func keys(_ bytes: [UInt8]) throws(BenchError) -> [Int64] {
        switch self.format {
        case .lines:
            var keys: [Int64] = []
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                let text = String(decoding: line, as: UTF8.self).trimmingPrefix { $0 == " " }
                if text.hasPrefix("*") { continue }
                guard let key = Int64(text.prefix { !$0.isWhitespace }) else {
                    throw self.malformed("a line is no key")
                }
                keys.append(key)
            }
            return keys
        case .ranges:
            var keys: [Int64] = []
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                let fields = line.split(separator: UInt8(ascii: " ")).map { Int64(String(decoding: $0, as: UTF8.self)) }
                guard fields.count >= 2, let start = fields[0], let count = fields[1], 0...1_000_000 ~= count,
                    start <= .max - count
                else { throw self.malformed("a line has no start and count") }
                keys.append(contentsOf: start..<start + count)
            }
            return keys
        case .words: return try self.integers(bytes, width: 4)
        case .longWords: return try self.integers(bytes, width: 8)
        }
    }

    private func integers(_ bytes: [UInt8], width: Int) throws(BenchError) -> [Int64] {
        guard bytes.count.isMultiple(of: width) else { throw self.malformed("its length is no multiple of \(width)") }
        return stride(from: 0, to: bytes.count, by: width).map { start in
            bytes[start..<start + width].reduce(0) { $0 << 8 | Int64($1) }
        }
    }
}
