import Refrain
import RefrainCore
import Testing

@testable import RefrainGateway

/// Errors of the gateway's own, as clients and operators see them.
@Suite(.timeLimit(.minutes(2))) struct RefusalTests {
    @Test func anErrorHasAnIDThatTheLogHasToo() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            var ids: [String] = []
            for headers in [[HTTPHeader.key, HTTPHeader("x-refrain-ttl", "soon")], [HTTPHeader("x-refrain-ttl", "")]] {
                let answer = try await gateway.ask(headers: headers)
                let id = try #require(answer.header("request-id"))
                #expect(answer.status == 400 && id.hasPrefix("req_refrain_"))
                #expect(APIErrorBody(json: answer.body)?.requestID == id)
                ids.append(id)
            }
            let stats = try JSONValue(try await gateway.ask("/_refrain/api/stats", method: "GET").body)
            let logged = (stats["recent"]?.array ?? []).map { $0["request_id"]?.string }
            #expect(logged == ids.reversed() && ids[0] != ids[1])
        }
    }

    @Test func anErrorOfUpstreamsKeepsItsOwn() async throws {
        let transport = RecordingTransport { _ in
            HTTPResponse(
                status: 400, headers: [HTTPHeader("request-id", "req_theirs")],
                body: ByteStream(APIErrorBody(type: .invalidRequest, message: "no").encoded()))
        }
        try await GatewayFixture.with(transport) { gateway in
            #expect(try await gateway.ask().header("request-id") == "req_theirs")
            let stats = try JSONValue(try await gateway.ask("/_refrain/api/stats", method: "GET").body)
            #expect(stats["recent"]?[0]?["request_id"] == "req_theirs")
        }
    }

    @Test func whatIsRefusedOnTheWayHasOneToo() async throws {
        let transport = RecordingTransport { _ in throw TransportError(.connect, during: .connect, "refused") }
        try await GatewayFixture.with(transport) { gateway in
            for path in ["/nowhere", "/v1/models", "/_refrain/api/nothing"] {
                let answer = try await gateway.ask(path, method: "GET")
                let id = try #require(answer.header("request-id"), "\(path)")
                #expect(id.hasPrefix("req_refrain_") && APIErrorBody(json: answer.body)?.requestID == id, "\(path)")
            }
            #expect(try await RawConnection.exchange(gateway.port, "GARBAGE\r\n\r\n").contains("req_refrain_"))
        }
    }
}
