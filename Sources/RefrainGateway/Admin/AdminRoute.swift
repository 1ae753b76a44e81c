import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import RefrainCore
import RefrainKeys
import Synchronization

/// What the gateway tells of itself, and lets its operator do: health, metrics, the dashboard and its API.
struct AdminRoute: Sendable {
    /// The most bytes of a body.
    private static let bodyBytes = 64 << 10

    private let state: GatewayState
    private let guardian: AdminGuard

    init(_ state: GatewayState) {
        self.state = state
        self.guardian = AdminGuard(state.configuration)
    }

    func respond(to request: Request, _ writer: consuming ResponseWriter) async throws {
        let answer: Answer
        do throws(Refusal) {
            answer = try await self.answer(request)
        } catch {
            return try await writer.write(error, isHead: request.method == .head)
        }
        var fields = HTTPFields()
        fields[.contentType] = answer.contentType
        fields[.contentLength] = String(answer.body.count)
        fields[.cacheControl] = "no-store"
        fields.append(answer.headers)
        let body = request.method == .head ? [] : answer.body
        try await writer.write(
            response: ResponseHead(status: .init(code: answer.status), headerFields: fields),
            body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// What a page or a program is given.
    struct Answer {
        var status = 200
        var contentType = "application/json"
        var headers: [HTTPHeader] = []
        var body: [UInt8]

        init(status: Int = 200, _ object: JSONObject) {
            self.status = status
            self.body = JSONValue.object(object).encoded() + [UInt8(ascii: "\n")]
        }

        init(_ contentType: String, headers: [HTTPHeader] = [], body: [UInt8]) {
            self.contentType = contentType
            self.headers = headers
            self.body = body
        }
    }

    private func answer(_ request: Request) async throws(Refusal) -> Answer {
        let path = String((request.head.path ?? "/").prefix { $0 != "?" })
        let isRead = request.method == .get || request.method == .head
        switch path {
        // Who keeps the process alive need not be let in.
        case "/healthz" where isRead: return Answer(["status": "ok"])
        case "/readyz" where isRead: return self.readiness()
        default: break
        }
        // The page itself tells nothing: it asks the API, with the token that its reader types in.
        if path == "/_refrain" || path == "/_refrain/", isRead {
            try self.guardian.admitPage(request.head)
            return path.hasSuffix("/") ? DashboardPage.answer : .redirect(to: "/_refrain/")
        }
        try self.guardian.admit(request.head)
        switch path {
        case "/metrics" where isRead:
            return Answer("text/plain; version=0.0.4; charset=utf-8", body: Array(MetricsText(self.state).text.utf8))
        case "/_refrain/api/stats" where isRead: return Answer(StatisticsReport(self.state).json)
        case "/_refrain/api/purge" where request.method == .post:
            return try await self.purge(try await self.object(request))
        default: break
        }
        if isRead, path.hasPrefix("/_refrain/api/entries/") {
            return try await self.entry(path.dropFirst("/_refrain/api/entries/".count))
        }
        throw Refusal(
            status: 404, kind: .notFound, "there is no \(request.method.rawValue) of this path on the admin surface")
    }

    private func readiness() -> Answer {
        let tier = self.state.cache.secondTier
        let isStopping = !self.state.isAcceptingRequests.load(ordering: .relaxed)
        let isDegraded = tier.map { $0.isLeftAlone || !$0.isHeard } ?? false
        var tiers: [(String, JSONValue)] = [("memory", "ok")]
        if let tier {
            tiers.append(
                (tier.tier.description, tier.isLeftAlone ? "left-alone" : tier.isHeard ? "ok" : "unreachable"))
        }
        return Answer(
            status: isStopping ? 503 : 200,
            JSONObject([
                ("status", isStopping ? "stopping" : isDegraded ? "degraded" : "ready"),
                ("tiers", .object(JSONObject(tiers))),
            ]))
    }

    private func entry(_ text: Substring) async throws(Refusal) -> Answer {
        guard let key = RequestKey(hex: text) else { throw .invalid("a key has 64 hex digits") }
        guard let (envelope, tier) = await self.state.cache.find(key) else {
            throw Refusal(
                status: 404, kind: .notFound, "nothing that may be read is stored under the key", code: "no_entry")
        }
        let now = self.state.time.now()
        let details = envelope.details
        return Answer(
            JSONObject([
                ("key", .string(key.hex)), ("tier", .string(tier.description)),
                ("created", .string(envelope.created.rfc3339)),
                ("age_seconds", .count(Int(clamping: now.since(envelope.created).components.seconds))),
                ("fresh_for_seconds", .count(Int(clamping: envelope.freshUntil.since(now).components.seconds))),
                ("requested_model", .string(details.requestedModel)),
                ("answering_model", .string(details.answeringModel)),
                ("input_tokens", .count(details.usage.inputTokens)),
                ("output_tokens", .count(details.usage.outputTokens)), ("bytes", .count(envelope.body.count)),
                ("labels", .array(envelope.labels.map { .string($0.description) })),
            ]))
    }

    private func purge(_ object: JSONObject) async throws(Refusal) -> Answer {
        let purges = try PurgeOrder(object, now: self.state.time.now()).purges
        var unacknowledged = 0
        for purge in purges {
            do throws(StoreError) {
                try await self.state.cache.purge(purge)
            } catch {
                unacknowledged += 1
            }
        }
        self.state.logger.notice(
            "purged", metadata: ["purges": "\(purges.count)", "unacknowledged": "\(unacknowledged)"])
        return Answer(
            status: unacknowledged == 0 ? 200 : 502,
            JSONObject([
                ("purges", .count(purges.count)), ("unacknowledged", .count(unacknowledged)),
                (
                    "message",
                    unacknowledged == 0
                        ? "done"
                        : "done here; the shared tier has not recorded all of it yet, and it is repeated until it has"
                ),
            ]))
    }

    private func object(_ request: Request) async throws(Refusal) -> JSONObject {
        var body: [UInt8] = []
        do {
            for try await chunk in request.body {
                guard body.count + chunk.readableBytes <= Self.bodyBytes else {
                    throw Refusal(
                        status: 413, kind: .requestTooLarge, "the body has more than \(Self.bodyBytes) bytes",
                        closes: true)
                }
                body.append(contentsOf: chunk.readableBytesView)
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(status: 400, kind: .invalidRequest, "the body ended before it was whole", closes: true)
        }
        // What exactly is wrong with it does not matter to whoever sent something else than an object.
        guard case .object(let object)? = try? JSONValue(body) else {
            throw .invalid("the body must be a JSON object")
        }
        return object
    }
}

extension AdminRoute.Answer {
    /// Sends a browser to where the page is.
    static func redirect(to path: String) -> Self {
        var answer = Self("text/plain", headers: [HTTPHeader("location", path)], body: [])
        answer.status = 308
        return answer
    }
}
