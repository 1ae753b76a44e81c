import HTTPTypes
import RefrainCore
import Testing

@testable import RefrainGateway

@Suite struct RouteTests {
    private func route(_ method: RequestHead.Method, _ path: String) -> GatewayResponder.Route {
        GatewayResponder.route(RequestHead(method: method, scheme: nil, authority: nil, path: path))
    }

    @Test(arguments: ["/v1/messages", "/v1/messages?beta=true", "/anthropic/v1/messages", "/a/b/v1/messages?x=/v1/y"])
    func messagesAreCached(_ path: String) { #expect(self.route(.post, path) == .messages) }

    @Test(arguments: [
        ("/v1/messages/count_tokens", "/v1/messages/count_tokens"), ("/v1/messages/", "/v1/messages/"),
        ("/v1/messages%2F", "/v1/messages%2F"), ("/p/v1/files?limit=1", "/v1/files?limit=1"),
        ("/v1/x/v1/messages", "/v1/x/v1/messages"),
    ])
    func theRestGoesThrough(_ path: String, _ upstream: String) {
        #expect(self.route(.post, path) == .passThrough(upstream))
    }

    @Test func othersMethodsAndPlaces() {
        #expect(self.route(.get, "/v1/messages") == .passThrough("/v1/messages"))
        #expect(self.route(.head, "/v1/messages") == .passThrough("/v1/messages"))
        for path in [
            "/healthz", "/readyz", "/metrics", "/metrics?x", "/_refrain", "/_refrain/", "/_refrain/v1/messages",
        ] {
            #expect(self.route(.get, path) == .admin)
        }
        for path in ["/", "/v1", "/v2/messages", "/api/hello?v=/v1/messages", "*"] {
            guard case .refused(404, _) = self.route(.post, path) else {
                Issue.record("\(path) has a route")
                continue
            }
        }
    }

    @Test(arguments: ["/v1/../x", "/v1/./messages", "/a/../v1/messages", "/v1/%2E%2e/x", "/v1/x/.%2E", "/v1/files/.."])
    func upstreamsBasePathIsNotLeft(_ path: String) {
        guard case .refused(400, _) = self.route(.post, path) else {
            Issue.record("\(path) has a route")
            return
        }
        #expect(self.route(.post, "/v1/files/..a/.b%2E") == .passThrough("/v1/files/..a/.b%2E"))
    }

    @Test(arguments: [RequestHead.Method.trace, .connect]) func requestsAreNotEchoed(_ method: RequestHead.Method) {
        guard case .refused(405, _) = self.route(method, "/v1/files") else {
            Issue.record("\(method) is passed on")
            return
        }
    }

    @Test func fieldsOfTheConnectionGoNoFurther() {
        var fields = HTTPFields()
        fields.append([
            HTTPHeader("connection", "keep-alive, x-mine, x-api-key, anthropic-version"), HTTPHeader("x-mine", "1"),
            HTTPHeader("x-api-key", "k"), HTTPHeader("anthropic-version", "v"), HTTPHeader("te", "trailers"),
            HTTPHeader("proxy-authorization", "p"), HTTPHeader("upgrade", "h2c"),
            HTTPHeader("cache-control", "no-cache"),
            HTTPHeader("x-refrain-tags", "t"), HTTPHeader("x-other", "2"),
        ])
        #expect(
            ForwardedHeaders.ofRequest(fields).map(\.name) == [
                "x-api-key", "anthropic-version", "cache-control", "x-other",
            ])
        let response = ForwardedHeaders.ofResponse([
            HTTPHeader("content-length", "3"), HTTPHeader("transfer-encoding", "chunked"),
            HTTPHeader("set-cookie", "c"),
        ])
        #expect(response.map(\.name) == ["set-cookie"], "a length beside chunks is not the body's")
        let lengths = ForwardedHeaders.ofResponse([
            HTTPHeader("content-length", "3"), HTTPHeader("content-length", "229"),
            HTTPHeader("x-refrain-cache", "HIT"),
        ])
        #expect(lengths.isEmpty)
        let plain = ForwardedHeaders.ofResponse([
            HTTPHeader("content-length", "3"), HTTPHeader("connection", "keep-alive,\tx-hop"), HTTPHeader("x-hop", "1"),
        ])
        #expect(plain.map(\.name) == ["content-length"])
    }
}
