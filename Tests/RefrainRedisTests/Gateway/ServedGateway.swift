import Refrain
import RefrainCore
import TestSupport
import Testing

/// A process of `refrain serve`, and a client of it.
struct ServedGateway {
    let url: String
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
                return try await body(ServedGateway(url: url, client: client))
            }
            Issue.record("the gateway did not start")
        }
        await client.shutdown()
    }

    /// What a question was answered.
    struct Answer {
        let cache: String?
        let key: String
        let body: [UInt8]
    }

    /// Asks a question. A gateway that takes longer than 20 s is an error.
    func ask(_ question: String, tags: String = "", isStreaming: Bool = false) async throws -> Answer {
        let body =
            #"{"model":"claude-sonnet-4-5","max_tokens":4096,"messages":[{"role":"user","content":"\#(question)"}]"#
            + (isStreaming ? #","stream":true}"# : "}")
        let answer = try await self.send(
            "POST", "/v1/messages", body,
            [
                HTTPHeader("x-api-key", "sk-test"), HTTPHeader("anthropic-version", "2023-06-01"),
                HTTPHeader("x-refrain-tags", tags),
            ])
        #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
        return Answer(
            cache: answer.header("x-refrain-cache"), key: try #require(answer.header("x-refrain-key")),
            body: answer.body)
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
        try await self.client.collect(
            HTTPRequest(
                method: method, url: self.url + path, headers: headers,
                body: body.map { .bytes(Array($0.utf8)) } ?? .none, timeouts: .init(total: .seconds(20))))
    }
}
