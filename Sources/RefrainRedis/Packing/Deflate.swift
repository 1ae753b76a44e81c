import CZlib
import RefrainCore

/// Bodies made smaller by zlib: codec 1 of the envelope. A raw deflate stream (RFC 1951) that begins with
/// ``DeflateDictionary/first``; without zlib's own header and checksum, since the envelope has both.
enum Deflate {
    /// Its id in an envelope.
    static let codec: UInt8 = 1

    /// Above it, no shorter result pays for the time: measured in `docs/decisions/001-compression.md`.
    private static let level: CInt = 6
    /// 32 KiB of window, the format's most; negative for a raw stream.
    private static let windowBits: CInt = -15
    private static let memoryLevel: CInt = 8
    /// The most bytes that one byte of a stream can become: a match has 258 bytes at most, and takes two bits at least.
    private static let maximumRatio = 1_032

    /// The stream for `body`; nil where it would not have fewer than `limit` bytes, or there is no memory for it.
    ///
    /// - Complexity: Linear; about 10 us for a body of 1 KB, 20 ms for one of 1 MB.
    static func compress(_ body: [UInt8], under limit: Int) -> [UInt8]? {
        guard let inputCount = CUnsignedInt(exactly: body.count), let limitCount = CUnsignedInt(exactly: limit),
            limitCount > 0
        else { return nil }
        var isComplete = false
        let stream = [UInt8](unsafeUninitializedCapacity: limit) { output, count in
            count = 0
            body.withUnsafeBufferPointer { input in
                var stream = z_stream()
                // zlib keeps the address of its stream, which is why all of this happens inside.
                withUnsafeMutablePointer(to: &stream) { stream in
                    guard
                        deflateInit2_(
                            stream, self.level, Z_DEFLATED, self.windowBits, self.memoryLevel, Z_DEFAULT_STRATEGY,
                            ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK
                    else { return }
                    defer { deflateEnd(stream) }
                    let dictionary = DeflateDictionary.first
                    guard deflateSetDictionary(stream, dictionary, CUnsignedInt(dictionary.count)) == Z_OK else {
                        return
                    }
                    // zlib reads here and never writes, whatever its type says.
                    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                    stream.pointee.avail_in = inputCount
                    stream.pointee.next_out = output.baseAddress
                    stream.pointee.avail_out = limitCount
                    // It gives up in a full buffer, mostly before it knows that nothing else was to come.
                    isComplete = deflate(stream, Z_FINISH) == Z_STREAM_END && stream.pointee.avail_out > 0
                    count = isComplete ? limit - Int(stream.pointee.avail_out) : 0
                }
            }
        }
        return isComplete ? stream : nil
    }

    /// The body that `stored` is the stream of.
    ///
    /// - Parameters:
    ///   - stored: The stream, and nothing after it.
    ///   - rawLength: The body's bytes, which the caller has bounded.
    /// - Throws: ``EnvelopeError/Code/malformed`` where the stream is damaged, refers back to before the dictionary, or
    ///   does not end after exactly `rawLength` bytes and with its own last byte.
    /// - Complexity: Linear. Allocates `rawLength` bytes and never more, and those only where a stream of this many bytes
    ///   could hold them.
    static func expand(_ stored: UnsafeRawBufferPointer, to rawLength: Int) throws(EnvelopeError) -> [UInt8] {
        guard let inputCount = CUnsignedInt(exactly: stored.count), let outputCount = CUnsignedInt(exactly: rawLength)
        else { throw EnvelopeError(.tooLarge, "a deflated body") }
        guard rawLength / self.maximumRatio <= stored.count, rawLength > 0 else {
            throw EnvelopeError(.malformed, "the body's length")
        }
        var status = Z_MEM_ERROR
        var isExact = false
        let body = [UInt8](unsafeUninitializedCapacity: rawLength) { output, count in
            count = 0
            var stream = z_stream()
            withUnsafeMutablePointer(to: &stream) { stream in
                status = inflateInit2_(stream, self.windowBits, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
                guard status == Z_OK else { return }
                defer { inflateEnd(stream) }
                let dictionary = DeflateDictionary.first
                status = inflateSetDictionary(stream, dictionary, CUnsignedInt(dictionary.count))
                guard status == Z_OK else { return }
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: stored.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = inputCount
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = outputCount
                status = inflate(stream, Z_FINISH)
                isExact = stream.pointee.avail_in == 0 && stream.pointee.avail_out == 0
                count = rawLength - Int(stream.pointee.avail_out)
            }
        }
        guard status != Z_MEM_ERROR else { throw EnvelopeError(.tooLarge, "no memory to inflate a body") }
        guard status == Z_STREAM_END, isExact else { throw EnvelopeError(.malformed, "the deflated body") }
        return body
    }
}
