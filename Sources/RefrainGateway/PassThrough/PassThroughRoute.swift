import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Refrain
import RefrainCore

/// Everything below `/v1/` but `POST /v1/messages`: sent upstream and back as it comes, both ways at once, whatever it is.
struct PassThroughRoute: Sendable {
    private let state: GatewayState

    init(_ state: GatewayState) { self.state = state }

    func respond(
        to request: Request, at path: String, _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        do throws(Refusal) {
            try self.state.callers.checkTokens(request.headers)
        } catch {
            return try await writer.write(error, isHead: request.method == .head)
        }
        self.state.ledger.withLock { $0.addPassed(route: Self.name(of: path)) }
        var headers = ForwardedHeaders.ofRequest(request.headers)
        if let key = self.state.callers.upstreamKey(
            apiKey: headers.first { $0.name == "x-api-key" }?.value,
            authorization: headers.first { $0.name == "authorization" }?.value)
        {
            ForwardedHeaders.replaceCredential(in: &headers, by: key)
        }
        let inbound = Self.hasBody(request.head) ? InboundBody(request.body) : nil
        let outgoing = UpstreamRequest(
            method: request.method.rawValue, url: self.state.upstream.url(path), headers: headers,
            body: inbound.map {
                .stream($0.stream, length: request.headers[.contentLength].flatMap { Int($0) })
            } ?? .none,
            timeouts: self.state.configuration.timeouts.withoutTotal)
        do {
            try await self.exchange(outgoing, writer, channel)
        } catch {
            // The connection is not read by two at a time: not even where it is given up.
            await inbound?.settle()
            throw error
        }
        await inbound?.settle()
    }

    private func exchange(
        _ outgoing: UpstreamRequest, _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        let response: UpstreamResponse
        do {
            let watch = try await channel.watch()
            response = try await watch.whileOpen { try await self.state.transport.send(outgoing) }
        } catch let error as TransportError where error.code != .cancelled {
            let refusal = Refusal(error)
            self.state.logger.info(
                "upstream did not answer", metadata: ["status": "\(refusal.status)", "request-id": "\(refusal.id)"])
            return try await writer.write(refusal, isHead: outgoing.method == "HEAD")
        }
        var fields = HTTPFields()
        fields.append(ForwardedHeaders.ofResponse(response.headers))
        _ = try await Relay.write(
            response, head: ResponseHead(status: .init(code: response.status), headerFields: fields), writer,
            channel)
    }

    private static func hasBody(_ head: RequestHead) -> Bool {
        if let length = head.headerFields[.contentLength] { return length != "0" }
        return head.headerFields[.transferEncoding] != nil
    }

    /// The first two parts of a path, without identifiers.
    private static func name(of path: String) -> String {
        let parts = path.prefix { $0 != "?" }.split(separator: "/").prefix(3)
        let isName = { (part: Substring) in
            part.utf8.count <= 32 && part.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F }
        }
        return "/" + parts.prefix { isName($0) || $0 == "v1" }.joined(separator: "/")
    }
}
