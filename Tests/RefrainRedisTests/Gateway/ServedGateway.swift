import Refrain
import RefrainCore
import TestSupport
import Testing

/// A process of `refrain serve`, and a client of it.
struct ServedGateway {
    let url: String
    let process: ChildProcess
    private let client: CurlTransport

    /// Runs `body` with a gateway that serves, and ends it afterwards.
    static func with(redis: String, upstream: String, _ body: (ServedGateway) async throws -> Void) async throws {
        let client = CurlTransport(CurlTransport.Configuration(proxy: .none))
        let arguments = [
            "serve", "--port", "0", "--json", "--upstream", upstream, "--redis", redis, "--namespace", "test",
        ]
        try await withChildProcess(try BuiltProducts.path(of: "refrain"), arguments) { process in
            for await line in process.output {
                guard let url = try JSONValue(Array(line.utf8)).object?["base_url"]?.string else { continue }
                return try await body(ServedGateway(url: url, process: process, client: client))
            }
            Issue.record("the gateway did not start")
        }
        await client.shutdown()
    }

    /// Runs `body` with several gateways that share a Redis and an upstream, and ends them afterwards.
    static func with(
        _ count: Int, redis: String, upstream: String, _ body: ([ServedGateway]) async throws -> Void
    ) async throws {
        guard count > 0 else { return try await body([]) }
        try await Self.with(redis: redis, upstream: upstream) { gateway in
            try await Self.with(count - 1, redis: redis, upstream: upstream) { try await body([gateway] + $0) }
        }
    }

    /// What a question was answered.
    struct Answer: Sendable {
        let cache: String?
        let key: String
        let body: [UInt8]
    }

    /// Asks a question. A gateway that takes longer than a minute is an error.
    func ask(_ question: String, tags: String = "", isStreaming: Bool = false) async throws -> Answer {
        let answer = try await self.client.collect(self.asking(question, tags: tags, isStreaming: isStreaming))
        #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
        return Answer(
            cache: answer.header("x-refrain-cache"), key: try #require(answer.header("x-refrain-key")),
            body: answer.body)
    }

    /// Asks a question, and returns when the stream begins.
    func stream(_ question: String) async throws -> ByteStream {
        let response = try await self.client.send(self.asking(question, isStreaming: true))
        #expect(response.status == 200)
        return response.body
    }

    private func asking(_ question: String, tags: String = "", isStreaming: Bool) -> HTTPRequest {
        let body =
            #"{"model":"claude-sonnet-4-5","max_tokens":4096,"messages":[{"role":"user","content":"\#(question)"}]"#
            + (isStreaming ? #","stream":true}"# : "}")
        return self.request(
            "POST", "/v1/messages", body,
            [
                HTTPHeader("x-api-key", "sk-test"), HTTPHeader("anthropic-version", "2023-06-01"),
                HTTPHeader("x-refrain-tags", tags),
            ])
    }

    /// How many calls it has made.
    func upstreamCalls() async throws -> Int? {
        try JSONValue(try await self.send("GET", "/_refrain/api/stats").body)["upstream"]?["calls"]?.int
    }

    /// The tier that an entry is in; nil where there is none that may be read.
    func find(_ key: String) async throws -> String? {
        let answer = try await self.send("GET", "/_refrain/api/entries/" + key)
        return try JSONValue(answer.body)["tier"]?.string
    }

    /// The status of a purge.
    func purge(tag: String) async throws -> Int {
        try await self.send(
            "POST", "/_refrain/api/purge", #"{"tags":["\#(tag)"]}"#, [HTTPHeader("content-type", "application/json")]
        ).status
    }

    /// What it says of itself.
    struct Readiness: Equatable {
        var status: Int
        var state: String?
        var redis: String?
    }

    func readiness() async throws -> Readiness {
        let answer = try await self.send("GET", "/readyz")
        let json = try JSONValue(answer.body)
        return Readiness(
            status: answer.status, state: json["status"]?.string, redis: json["tiers"]?["redis"]?.string)
    }

    private func send(
        _ method: String, _ path: String, _ body: String? = nil, _ headers: [HTTPHeader] = []
    ) async throws -> CollectedResponse {
        try await self.client.collect(self.request(method, path, body, headers))
    }

    private func request(
        _ method: String, _ path: String, _ body: String?, _ headers: [HTTPHeader]
    ) -> HTTPRequest {
        HTTPRequest(
            method: method, url: self.url + path, headers: headers, body: body.map { .bytes(Array($0.utf8)) } ?? .none,
            timeouts: .init(total: .seconds(60)))
    }
}
