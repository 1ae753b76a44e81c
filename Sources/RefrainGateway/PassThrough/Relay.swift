import HTTPTypes
import HummingbirdCore
import NIOCore
import RefrainCore

/// Sends an answer of upstream's on as it comes.
enum Relay {
    /// Writes head and body. The body goes on as fast as the client takes it.
    ///
    /// - Parameter passed: Told of each piece of the body, once the client has been sent it.
    /// - Returns: The bytes of the body.
    /// - Throws: Where upstream cut the body short or the client has gone: the server then closes the connection, which
    ///   tells the client that there was more.
    static func write(
        _ response: UpstreamResponse, head: ResponseHead, _ writer: consuming ResponseWriter,
        _ channel: any Channel, passed: (_ chunk: [UInt8]) -> Void = { _ in }
    ) async throws -> Int {
        let watch = try await channel.watch()
        var count = 0
        var body = try await writer.writeHead(head)
        var chunks = response.body.makeAsyncIterator()
        while let chunk = try await watch.whileOpen({ try await chunks.next() }) {
            count += chunk.count
            try await body.write(ByteBuffer(bytes: chunk))
            passed(chunk)
        }
        try await body.finish(nil)
        return count
    }
}
