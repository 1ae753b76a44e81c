/// The checksum CRC-32C (Castagnoli, RFC 3720 appendix B.4): finds every burst of errors up to 32 bits.
///
/// In Swift, eight bytes a step from eight tables, since the processors' own instruction for it cannot be reached
/// without C.
package enum CRC32C {
    /// `tables[k][b]`: what byte `b` contributes from `k` bytes before the end of a step, flattened.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var remainder = UInt32(byte)
            for _ in 0..<8 { remainder = remainder & 1 == 0 ? remainder >> 1 : remainder >> 1 ^ 0x82F6_3B78 }
            tables[byte] = remainder
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    /// The checksum of `bytes`. Linear in their number.
    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        self.tables.withUnsafeBufferPointer { tables in
            var remainder = ~UInt32(0)
            var at = 0
            while at + 8 <= bytes.count {
                let word =
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) ^ UInt64(remainder)
                remainder = 0
                for byte in 0..<8 {
                    remainder ^= tables[(7 - byte) * 256 + Int(truncatingIfNeeded: word >> (8 * UInt64(byte)) & 0xFF)]
                }
                at += 8
            }
            while at < bytes.count {
                remainder = remainder >> 8 ^ tables[Int((remainder ^ UInt32(bytes[at])) & 0xFF)]
                at += 1
            }
            return ~remainder
        }
    }
}
