import RefrainCore
import RefrainKeys
import RefrainSimulator

/// A simulated Claude that is asked directly, at moments that the test names.
struct Claude {
    var simulation: SimulatedClaude
    var now = Timestamp(milliseconds: 1_800_000_000_000)

    init(_ configuration: SimulatorConfiguration = SimulatorConfiguration()) {
        self.simulation = SimulatedClaude(configuration)
    }

    /// Answers a request; the response begins at once.
    mutating func ask(
        _ body: String, path: String = "/v1/messages", method: String = "POST", headers: [String: String] = [:]
    ) -> Reply {
        var fields = ["x-api-key": "sk-test", "anthropic-version": "2023-06-01"]
        fields.merge(headers) { $1 }
        let response = self.simulation.plan(
            SimulatedRequest(
                method: method, path: path, headers: fields.filter { !$0.value.isEmpty }.map(HTTPHeader.init),
                body: Array(body.utf8)),
            at: self.now)
        self.simulation.responseBegan(response)
        return Reply(response: response)
    }

    mutating func wait(minutes: Double) { self.now.milliseconds += Int64(minutes * 60_000) }
}

/// What a request was answered with, read.
struct Reply {
    let response: PlannedResponse

    var status: Int { self.response.status }
    var text: String { String(decoding: self.response.body, as: UTF8.self) }
    var json: JSONCursor { get throws { try JSONDocument(self.response.body).root } }
    var errorMessage: String? { get throws { try self.json["error"]?["message"]?.string } }

    /// The message: the body, or what the stream's events add up to.
    var message: JSONCursor {
        get throws {
            guard self.response.isStream else { return try self.json }
            var parser = SSEParser()
            var assembler = MessageAssembler()
            for event in try parser.feed(self.response.body) { assembler.consume(event) }
            guard case .message(let bytes) = assembler.finish() else { throw Unassembled() }
            return try JSONDocument(bytes).root
        }
    }

    struct Unassembled: Error {}

    /// The types of the message's blocks.
    var types: [String] { get throws { try self.message["content"]?.elements.compactMap { $0["type"]?.string } ?? [] } }
    var content: [JSONCursor] { get throws { try self.message["content"].map { Array($0.elements) } ?? [] } }
    var stopReason: String? { get throws { try self.message["stop_reason"]?.string } }

    /// Tokens read, written for five minutes, written for an hour, and neither, as the answer reports them.
    var cacheUsage: [Int] {
        get throws {
            let usage = try self.message["usage"]
            let creation = usage?["cache_creation"]
            return [
                usage?["cache_read_input_tokens"], creation?["ephemeral_5m_input_tokens"],
                creation?["ephemeral_1h_input_tokens"], usage?["input_tokens"],
            ].map { $0?.int ?? -1 }
        }
    }
}
