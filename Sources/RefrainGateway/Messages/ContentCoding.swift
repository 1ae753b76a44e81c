import CZlib
import RefrainCore

/// Undoes the codings of request bodies that a key can be derived through.
enum ContentCoding {
    /// The plain bytes of a body; nil where the coding is not one that is undone, or the body is not in it.
    ///
    /// - Parameter coding: The value of `content-encoding`, in lower case.
    /// - Throws: ``Refusal`` where the plain body has more than `limit` bytes.
    static func decoded(_ body: [UInt8], coding: String, limit: Int) throws(Refusal) -> [UInt8]? {
        // zlib tells gzip and its own format apart by their first bytes when 32 is added to the window's bits.
        switch coding {
        case "gzip", "x-gzip", "deflate": try Self.inflated(body, windowBits: 15 + 32, limit: limit)
        default: nil
        }
    }

    private static func inflated(_ body: [UInt8], windowBits: Int32, limit: Int) throws(Refusal) -> [UInt8]? {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(&stream, windowBits, ZLIB_VERSION, size) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var input = body
        var output: [UInt8] = []
        let status = input.withUnsafeMutableBufferPointer { input -> Int32 in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(clamping: input.count)
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            var status = Z_OK
            while status == Z_OK {
                status = chunk.withUnsafeMutableBufferPointer { chunk in
                    stream.next_out = chunk.baseAddress
                    stream.avail_out = UInt32(chunk.count)
                    return inflate(&stream, Z_NO_FLUSH)
                }
                let produced = chunk.count - Int(stream.avail_out)
                guard produced <= limit - output.count else { return Z_MEM_ERROR }
                output.append(contentsOf: chunk[..<produced])
            }
            return status
        }
        guard status != Z_MEM_ERROR else {
            throw Refusal(
                status: 413, kind: .requestTooLarge, "the body has more than \(limit) bytes when it is decoded")
        }
        // Whatever follows the end would be lost on us, and not on the API.
        guard status == Z_STREAM_END, stream.avail_in == 0 else { return nil }
        return output
    }
}
