/// What must hold for any bytes that are read as replies: for the fuzzer, which is a package of its own, and for tests.
@_spi(Fuzzing)
public enum RESPProperties {
    /// Reads `input` whole and in pieces. The first byte decides the size of the pieces; the rest is what a server sent.
    ///
    /// - Returns: What does not hold; nil where all does.
    public static func violation(in input: [UInt8]) -> String? {
        let stream = Array(input.dropFirst())
        let whole = Self.read(stream, inPiecesOf: max(1, stream.count))
        let pieces = Self.read(stream, inPiecesOf: Int(input.first ?? 0) % 32 + 1)
        guard whole.replies == pieces.replies else { return "the pieces in which bytes arrive change the replies" }
        guard (whole.error == nil) == (pieces.error == nil) else { return "the pieces change what is refused" }
        return nil
    }

    /// What the reader makes of bytes: the replies before it refuses them, and why it does.
    static func read(
        _ stream: [UInt8], inPiecesOf size: Int, limits: RESPLimits = RESPLimits()
    ) -> (replies: [RESPValue], error: RESPError?) {
        let reader = RESPReader(limits: limits)
        var replies: [RESPValue] = []
        do throws(RESPError) {
            for start in stride(from: 0, to: stream.count, by: size) {
                try reader.feed(Array(stream[start..<min(start + size, stream.count)]))
                while let reply = try reader.next() { replies.append(reply) }
            }
        } catch {
            return (replies, error)
        }
        return (replies, nil)
    }
}

extension RESPReader {
    /// Takes the next bytes of the connection.
    func feed(_ bytes: [UInt8]) throws(RESPError) {
        var failure: RESPError?
        bytes.withUnsafeBytes { buffer in
            do throws(RESPError) {
                try self.feed(buffer)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
