import RefrainCore
import RefrainKeys
import Testing

@testable import Refrain

/// What a transport does with servers that behave.
@Suite(.timeLimit(.minutes(1)))
struct CurlTransportTests {
    @Test func aPlainResponseArrivesWhole() async throws {
        let server = try ScriptedServer.answering { request, connection in
            #expect(request.line == "POST /v1/messages?beta=true HTTP/1.1")
            #expect(request.header("x-api-key") == "secret")
            #expect(request.body == Array(#"{"a":1}"#.utf8))
            try connection.respond("200 OK", ["Content-Type: application/json", "Request-Id: req_1"], #"{"b":2}"#)
        }
        let transport = CurlTransport.direct()
        let response = try await transport.collect(
            HTTPRequest(
                method: "POST", url: server.url + "/v1/messages?beta=true",
                headers: [HTTPHeader("X-Api-Key", "secret")],
                body: .bytes(Array(#"{"a":1}"#.utf8))))
        #expect(response.status == 200)
        #expect(response.header("request-id") == "req_1")
        #expect(response.body == Array(#"{"b":2}"#.utf8))
        await transport.shutdown()
    }
}

extension CurlTransport {
    /// A transport for loopback servers, whatever proxy the environment has.
    static func direct(_ change: (inout Configuration) -> Void = { _ in }) -> CurlTransport {
        var configuration = Configuration(proxy: .none)
        change(&configuration)
        return CurlTransport(configuration)
    }
}
