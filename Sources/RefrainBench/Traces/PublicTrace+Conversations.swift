import RefrainCore
import RefrainKeys

// Sets that hold conversations with tools.
extension PublicTrace {
    func readTau(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        for (number, run) in try JSONLineReader(file: self.file, bytes: bytes).document().elements.enumerated() {
            guard let messages = run["traj"] else {
                throw BenchError(.malformed, "\(self.file): conversation \(number) has no traj")
            }
            var system: [UInt8]?
            var sent: [[UInt8]] = []
            // What was sent so far, as the set itself spells it.
            var text: [UInt8] = [UInt8(ascii: "[")]
            for message in messages.elements {
                let role = message["role"]?.string ?? ""
                if role == "assistant" {
                    let answer = Self.assistant(message)
                    requests.append(
                        RequestTrace.Request(
                            time: Timestamp(milliseconds: Self.untimed(requests.count)),
                            content: .body(RequestBody.messages(sent, system: system)),
                            model: RequestBody.standInModel,
                            usage: Usage(
                                inputTokens: TokenRule.tokens(text) + 1, outputTokens: TokenRule.tokens(answer)),
                            answer: .text(answer), session: number, text: text + [UInt8(ascii: "]")]))
                    sent.append(Array(#"{"role":"assistant","content":"#.utf8) + answer + Array("}".utf8))
                } else if role == "tool" {
                    sent.append(Self.toolResult(message))
                } else if let content = message["content"]?.text {
                    if role == "system" {
                        system = content
                    } else {
                        sent.append(RequestBody.message(role: "user", content))
                    }
                } else {
                    throw BenchError(.malformed, "\(self.file): a message of conversation \(number) has no content")
                }
                if text.count > 1 { text += ", ".utf8 }
                text += message.raw
            }
        }
        return self.trace(isTimed: false, requests, note: "the answers of another model; its tools are not in the set")
    }

    /// The content blocks of an assistant's message of OpenAI's form.
    private static func assistant(_ message: JSONCursor) -> [UInt8] {
        var blocks: [[UInt8]] = []
        if let text = message["content"]?.text, !text.isEmpty {
            var block = Array(#"{"type":"text","text":"#.utf8)
            JSONString.append(text, quotedTo: &block)
            blocks.append(block + Array("}".utf8))
        }
        for call in message["tool_calls"]?.elements.map({ $0 }) ?? [] {
            let input = call["function"]?["arguments"]?.text ?? []
            var block = Array(#"{"type":"tool_use","id":"#.utf8)
            block += call["id"]?.raw ?? []
            block += #","name":"#.utf8
            block += call["function"]?["name"]?.raw ?? []
            block += #","input":"#.utf8
            // Arguments that are no JSON, as models write now and then, cannot stand in a request.
            block += (try? JSONDocument(input)).map { _ in input } ?? Array("{}".utf8)
            blocks.append(block + Array("}".utf8))
        }
        return Array("[".utf8) + Array(blocks.joined(separator: ",".utf8)) + Array("]".utf8)
    }

    private static func toolResult(_ message: JSONCursor) -> [UInt8] {
        var result = Array(#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"#.utf8)
        result += message["tool_call_id"]?.raw ?? Array(#""""#.utf8)[...]
        result += #","content":"#.utf8
        JSONString.append(message["content"]?.text ?? [], quotedTo: &result)
        return result + Array("}]}".utf8)
    }

    func readFunctionCalls(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            var system: [UInt8] = []
            var messages: [[UInt8]] = []
            for message in try place.require("question", of: line).elements.flatMap({ $0.elements.map { $0 } }) {
                guard let text = message["content"]?.text else { throw place.malformed("a message has no content") }
                if message["role"]?.string == "system" {
                    system += text
                } else {
                    messages.append(RequestBody.message(role: message["role"]?.string ?? "user", text))
                }
            }
            let tools = (line["function"]?.elements.map { $0 } ?? []).map { function in
                var tool = Array(#"{"name":"#.utf8)
                tool += function["name"]?.raw ?? Array(#""""#.utf8)[...]
                tool += #","description":"#.utf8
                tool += function["description"]?.raw ?? Array(#""""#.utf8)[...]
                tool += #","input_schema":"#.utf8
                tool += function["parameters"]?.raw ?? Array("{}".utf8)[...]
                return tool + Array("}".utf8)
            }
            let body = RequestBody.messages(messages, system: system.isEmpty ? nil : system, tools: tools)
            requests.append(
                RequestTrace.Request(
                    time: Timestamp(milliseconds: Self.untimed(requests.count)), content: .body(body),
                    model: RequestBody.standInModel, usage: Usage(inputTokens: TokenRule.tokens(body))))
        }
        return self.trace(isTimed: false, requests, note: "no answers are recorded")
    }

    func readCassettes(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            let address = String(decoding: try place.text("uri", of: line), as: UTF8.self)
            guard address.prefix(while: { $0 != "?" }).hasSuffix("/messages") else { return }
            let parsed = try place.require("body", of: line)
            let body = line["raw"]?.text ?? Array(parsed.raw)
            let response = try place.require("resp", of: line)
            let status = try place.int("status", of: line)
            let content = response.text ?? Array(response.raw)
            let answer: RequestTrace.Answer =
                status != 200
                ? .failure(status: status, content) : response.kind == .string ? .events(content) : .message(content)
            // An answer that is no message, an error above all, tells no usage.
            var usage = answer.message.flatMap { (try? MessageSummary(json: $0))?.usage } ?? Usage()
            if usage.totalInputTokens == 0 { usage.inputTokens = TokenRule.tokens(body) }
            var request = RequestTrace.Request(
                time: Timestamp(milliseconds: Self.untimed(requests.count)), content: .body(body),
                model: parsed["model"]?.string ?? "", usage: usage, answer: answer)
            request.betas =
                line["hdr"]?.members.compactMap { name, value in
                    name.string?.lowercased() == "anthropic-beta" ? value.string : nil
                } ?? []
            requests.append(request)
        }
        return self.trace(
            isTimed: false, requests,
            note:
                "calls of the messages endpoint alone; where the recorder kept parsed bodies their bytes are not those sent"
        )
    }
}
