import ArgumentParser
import Refrain
import RefrainCore

/// The admin surface of a running gateway, as commands ask it.
struct GatewayClient: Sendable {
    /// Where it is; no token is in it.
    let url: String
    private let base: BaseURL
    private let token: String?

    init(_ base: BaseURL, token: String?) {
        self.url = base.text
        self.base = base
        self.token = token
    }

    /// What it answered.
    struct Answer: Sendable {
        let status: Int
        let object: JSONObject
    }

    /// What it tells at a path.
    ///
    /// - Throws: see ``send(_:_:_:expecting:)``.
    func get(_ path: String, expecting status: Set<Int> = []) async throws -> Answer {
        try await self.send("GET", path, .none, expecting: status)
    }

    /// What it says to an order.
    ///
    /// - Throws: see ``send(_:_:_:expecting:)``.
    func post(_ path: String, _ order: JSONObject, expecting status: Set<Int> = []) async throws -> Answer {
        try await self.send("POST", path, .bytes(JSONValue.object(order).encoded()), expecting: status)
    }

    /// - Parameter expected: Statuses besides 200 that tell the caller something.
    /// - Throws: `ValidationError` where the gateway cannot be reached, is none, or does not let the command in;
    ///   `ExitCode.failure`, having said why, where it failed.
    private func send(
        _ method: String, _ path: String, _ body: HTTPRequest.Body, expecting expected: Set<Int>
    ) async throws -> Answer {
        var headers = [HTTPHeader("accept", "application/json")]
        if case .bytes = body { headers.append(HTTPHeader("content-type", "application/json")) }
        if let token { headers.append(HTTPHeader("authorization", "Bearer " + token)) }
        let request = HTTPRequest(
            method: method, url: self.base.url("/_refrain/api/" + path), headers: headers, body: body,
            timeouts: .init(total: .seconds(60)))
        let response = try await self.collect(request)
        let object = Self.object(response.body)
        if response.status == 200 || expected.contains(response.status), let object {
            return Answer(status: response.status, object: object)
        }
        guard let error = APIErrorBody(json: response.body), error.message.hasPrefix("Refrain: ") else {
            throw self.isNoGateway(response.status)
        }
        let message = String(error.message.dropFirst("Refrain: ".count))
        switch response.status {
        case 401 where self.token == nil:
            throw ValidationError(
                "--gateway \(self.url) takes an admin token: set REFRAIN_ADMIN_TOKEN, or use --admin-token-file")
        case 401: throw ValidationError("--gateway \(self.url) does not take this admin token")
        case ..<500: throw ValidationError("--gateway \(self.url): \(message)")
        default:
            Terminal.complain("the gateway at \(self.url): \(message)")
            throw ExitCode.failure
        }
    }

    /// What to say of a server that does not answer as a gateway does.
    func isNoGateway(_ status: Int) -> ValidationError {
        ValidationError("--gateway \(self.url): what answers there (status \(status)) is no Refrain gateway")
    }

    private func collect(_ request: HTTPRequest) async throws -> CollectedResponse {
        // Never by way of a proxy: it would see the token, and the gateway is near.
        let transport = CurlTransport(CurlTransport.Configuration(proxy: .none))
        do throws(TransportError) {
            let response = try await transport.collect(request)
            await transport.shutdown()
            return response
        } catch {
            await transport.shutdown()
            switch error.code {
            case .invalidRequest:
                throw ValidationError(
                    "--gateway \(self.url): the URL or the admin token cannot be sent: \(error.message)")
            case .malformedResponse:
                throw ValidationError("--gateway \(self.url): what answers there is no HTTP server: \(error.message)")
            default: throw ValidationError("--gateway \(self.url) cannot be reached: \(error.message)")
            }
        }
    }

    /// Nil for what is no JSON object: a gateway answers with nothing else, so that what exactly is wrong with it does
    /// not matter.
    private static func object(_ body: [UInt8]) -> JSONObject? {
        guard case .object(let object)? = try? JSONValue(body) else { return nil }
        return object
    }
}
