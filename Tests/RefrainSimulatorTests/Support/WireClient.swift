import NIOCore
import NIOPosix
import RefrainKeys

/// What came over one connection, byte for byte, and how it ended.
struct WireResponse: Sendable {
    enum End: Sendable { case closed, reset }

    var status = 0
    var headers: [String: String] = [:]
    /// The body, chunks joined.
    var body: [UInt8] = []
    /// Whether the body ended as complete: its length reached, or its last chunk there.
    var isComplete = false
    var end = End.closed

    var text: String { String(decoding: self.body, as: UTF8.self) }

    /// The body as JSON.
    var json: JSONCursor {
        get throws { try JSONDocument(self.body).root }
    }

    /// The events of a stream: their names and data.
    var events: [(name: String, data: JSONCursor)] {
        get throws {
            try self.text.split(separator: "\n\n").map { block in
                let lines = block.split(separator: "\n")
                let name = lines.first.map { String($0.dropFirst("event: ".count)) } ?? ""
                return (name, try JSONDocument(Array((lines.last ?? "").dropFirst("data: ".count).utf8)).root)
            }
        }
    }

    init(raw: [UInt8], end: End) {
        self.end = end
        guard let head = raw.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        let lines = String(decoding: raw[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
        self.status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            self.headers[parts[0].lowercased()] = String(parts.last?.drop { $0 == " " } ?? "")
        }
        var rest = raw[head.upperBound...]
        guard self.headers["transfer-encoding"] == "chunked" else {
            self.body = Array(rest)
            self.isComplete = self.headers["content-length"].flatMap { Int($0) } == rest.count
            return
        }
        while let line = rest.firstRange(of: Array("\r\n".utf8)),
            let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16)
        {
            if size == 0 {
                self.isComplete = true
                return
            }
            self.body.append(contentsOf: rest[line.upperBound...].prefix(size))
            rest = rest[line.upperBound...].dropFirst(size + 2)
        }
    }
}

/// An HTTP client that hides nothing: one connection per request, and every way in which it can end.
enum WireClient {
    /// Sends a request and reads until the connection ends. `whenReceived` is called with all bytes so far after each
    /// read, and ends the connection by returning false.
    static func send(
        to port: Int, _ method: String = "POST", _ path: String = "/v1/messages", headers: [String: String] = [:],
        body: String = "", whenReceived: @escaping @Sendable ([UInt8]) async -> Bool = { _ in true }
    ) async throws -> WireResponse {
        var fields = [
            "host": "127.0.0.1", "connection": "close", "content-length": String(body.utf8.count),
            "x-api-key": "sk-test", "anthropic-version": "2023-06-01",
        ]
        fields.merge(headers) { $1 }
        let head =
            "\(method) \(path) HTTP/1.1\r\n"
            + fields.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.joined() + "\r\n"
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: head + body))
            var raw: [UInt8] = []
            do {
                for try await buffer in inbound {
                    raw.append(contentsOf: buffer.readableBytesView)
                    if await !whenReceived(raw) { break }
                }
            } catch is IOError {
                return WireResponse(raw: raw, end: .reset)
            }
            return WireResponse(raw: raw, end: .closed)
        }
    }

    /// A request body with one user message.
    static func request(
        _ text: String, model: String = "claude-haiku-4-5", maxTokens: Int = 1_000, stream: Bool = false,
        _ more: String = ""
    ) -> String {
        """
        {"model":"\(model)","max_tokens":\(maxTokens),\(stream ? "\"stream\":true," : "")\(more)\
        "messages":[{"role":"user","content":"\(text)"}]}
        """
    }
}
