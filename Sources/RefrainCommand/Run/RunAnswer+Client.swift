import Refrain
import RefrainCore
import RefrainKeys

extension RunAnswer {
    /// Asks `claude` for the answer to a line, in the form that the line asks for. Nil where the task was cancelled.
    static func ask(_ claude: CachedClaude, _ line: RequestLine) async -> RunAnswer? {
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let reply =
                if line.isStreaming {
                    try await claude.messages.stream(json: line.body).open().reply()
                } else {
                    try await claude.messages.create(json: line.body)
                }
            return RunAnswer(reply, latency: clock.now - start)
        } catch {
            guard !Task.isCancelled else { return nil }
            return RunAnswer(failure: error, latency: clock.now - start)
        }
    }

    private init(_ reply: RawReply, latency: Duration) {
        let cost = reply.cost
        let outcome: RunReport.Outcome =
            switch reply.cache {
            case .hit: .hit
            case .miss: .miss
            case .joined: .joined
            case .stale: .stale
            case .bypassed: .bypassed
            }
        let usage: Usage?
        do throws(WireError) { usage = try MessageSummary(json: reply.body).usage } catch { usage = nil }
        self.init(
            entry: RunReport.Entry(
                outcome: outcome, reason: reply.cache.reason?.description, billed: reply.cache.isSaved ? nil : usage,
                spent: cost.spent, saved: cost.saved, latency: latency),
            cache: reply.cache.headerValue, status: reply.status, payload: .response(reply.body))
    }

    private init(failure: any Error, latency: Duration) {
        let reason: String
        let status: Int?
        let payload: [UInt8]
        switch failure {
        case let error as ClaudeError:
            reason = error.type?.description ?? "status"
            status = error.status
            payload = Self.isJSON(error.body) ? error.body : Self.error(type: reason, message: error.message)
        case let error as TransportError:
            reason = error.code.description
            status = nil
            payload = Self.error(type: reason, message: error.description)
        case let error as CacheError:
            reason = error.code.description
            status = nil
            payload = Self.error(type: reason, message: error.message)
        default:
            reason = "internal"
            status = nil
            payload = Self.error(type: reason, message: "\(failure)")
        }
        self.init(
            entry: RunReport.Entry(outcome: .error, reason: reason, latency: latency), cache: "ERROR", status: status,
            payload: .error(payload))
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        do throws(JSONError) {
            _ = try JSONDocument(bytes)
            return true
        } catch {
            return false
        }
    }

    /// An error of our own in the API's shape.
    private static func error(type: String, message: String) -> [UInt8] {
        let error: JSONValue = ["type": "error", "error": ["type": .string(type), "message": .string(message)]]
        return error.encoded()
    }
}
