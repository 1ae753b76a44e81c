import RefrainCore
import RefrainKeys

/// What the model says, before it is written as a message or as a stream.
struct Answer {
    enum Block {
        case text(String, citation: JSONFragment?)
        case thinking(String, signature: String, tokens: Int)
        case redactedThinking(data: String, tokens: Int)
        case toolUse(id: String, name: String, input: JSONFragment)
        /// A block of a type that no client knows yet.
        case unknown
    }

    var id = ""
    var blocks: [Block] = []
    var stopReason = "end_turn"
    var stopSequence: String?
    var refusalCategory: String?
    /// The tokens of the answer, thinking included.
    var outputTokens = 0
    var thinkingTokens = 0
    var unknown: Directives.Unknown?
}

/// Makes an answer to a call: a function of the call, the directives, and a seed.
struct AnswerWriter {
    private let call: MessagesCall
    private let directives: Directives
    private let lastUserText: String
    /// What the answer says.
    private var random: SeededGenerator
    /// What identifies it: never the same twice.
    private var identity: SeededGenerator
    private var answer = Answer()

    init(
        _ call: MessagesCall, _ directives: Directives, lastUserText: String, random: SeededGenerator,
        identity: SeededGenerator
    ) {
        self.call = call
        self.directives = directives
        self.lastUserText = lastUserText
        self.random = random
        self.identity = identity
    }

    /// The answer.
    consuming func write() -> Answer {
        self.answer.id = "msg_01" + self.identity.base58(22)
        self.answer.unknown = self.directives.unknown
        if self.call.maxTokens == 0 {
            self.answer.stopReason = "max_tokens"
        } else if self.directives.refuses {
            self.refuse()
        } else if self.directives.isEmpty {
            self.answer.outputTokens = 2
        } else {
            self.think()
            if self.isAtLimit {
                self.answer.stopReason = "max_tokens"
            } else if let calls = self.wantedToolCalls, !calls.isEmpty {
                if self.directives.words != nil { self.say() }
                if !self.isAtLimit { self.use(calls) }
            } else {
                self.say()
            }
        }
        if self.directives.unknown == .block { self.answer.blocks.append(.unknown) }
        if let reason = self.directives.stopReason { self.answer.stopReason = reason }
        return self.answer
    }

    private var isAtLimit: Bool { self.answer.outputTokens >= self.call.maxTokens }

    private func scaled(_ tokens: Int) -> Int {
        self.call.model.rules.contains(.newTokenizer) ? (tokens * 13 + 9) / 10 : tokens
    }

    private func unscaled(_ tokens: Int) -> Int {
        self.call.model.rules.contains(.newTokenizer) ? tokens * 10 / 13 : tokens
    }

    // MARK: Refusal

    private mutating func refuse() {
        if self.directives.words != nil { self.say() }
        self.answer.stopReason = "refusal"
        self.answer.stopSequence = nil
        self.answer.refusalCategory = self.directives.refusalCategory ?? "cyber"
        self.answer.outputTokens = max(self.answer.outputTokens, 5)
    }

    // MARK: Thinking

    private mutating func think() {
        guard self.call.thinking != nil || self.directives.thinks || self.directives.isRedacted else { return }
        var wanted = SimulatedProse.usualLength(&self.random)
        if case .enabled(let budget) = self.call.thinking { wanted = min(wanted, self.unscaled(budget)) }
        let room = self.unscaled(self.call.maxTokens)
        let text = SimulatedProse.text(tokens: max(1, min(wanted, room)), &self.random)
        let tokens =
            wanted >= room ? self.call.maxTokens : min(self.scaled(TokenEstimate.text(text.utf8)), self.call.maxTokens)
        if self.directives.isRedacted {
            self.answer.blocks.append(
                .redactedThinking(data: "Eq" + self.identity.base64(240 + tokens * 4), tokens: tokens))
        } else {
            self.answer.blocks.append(
                .thinking(
                    self.call.omitsThinking ? "" : text, signature: "Eu" + self.identity.base64(160 + tokens * 3),
                    tokens: tokens))
        }
        self.answer.thinkingTokens = tokens
        self.answer.outputTokens += tokens
    }

    // MARK: Tools

    /// The tools to call, in order; nil where the answer is text.
    private var wantedToolCalls: [MessagesCall.Tool]? {
        let tools = self.call.tools.filter(\.isClientSide)
        guard !tools.isEmpty, self.call.toolChoice != MessagesCall.ToolChoice.none else { return nil }
        let count = self.call.allowsParallelTools ? max(1, self.directives.toolCalls ?? 1) : 1
        let first: Int?
        switch self.call.toolChoice {
        case .tool(let name): return tools.filter { $0.name == name }.first.map { Array(repeating: $0, count: count) }
        case .any: first = tools.firstIndex { $0.name == self.directives.toolName } ?? 0
        default:
            guard self.directives.toolCalls != nil else { return nil }
            first = self.directives.toolName.map { name in tools.firstIndex { $0.name == name } } ?? 0
        }
        guard let first else { return nil }
        return (0..<count).map { tools[(first + $0) % tools.count] }
    }

    private mutating func use(_ tools: [MessagesCall.Tool]) {
        self.answer.stopReason = "tool_use"
        for tool in tools {
            let input =
                tool.schema.map { SchemaSample($0).value(&self.random) }
                ?? ["command": JSONFragment(string: SimulatedProse.phrase(&self.random))]
            let tokens = self.scaled(25 + TokenEstimate.text(tool.name.utf8) + TokenEstimate.text(input.bytes))
            guard self.answer.outputTokens + tokens <= self.call.maxTokens else {
                // The call that does not fit is not finished, and what is unfinished is not shown.
                self.answer.outputTokens = self.call.maxTokens
                self.answer.stopReason = "max_tokens"
                return
            }
            self.answer.outputTokens += tokens
            self.answer.blocks.append(
                .toolUse(id: "toolu_01" + self.identity.base58(22), name: tool.name, input: input))
        }
    }

    // MARK: Text

    private mutating func say() {
        let allowance = self.unscaled(self.call.maxTokens - self.answer.outputTokens)
        var text: String
        var isCut = false
        if let schema = self.call.outputSchema {
            text = String(decoding: SchemaSample(schema).value(&self.random).bytes, as: UTF8.self)
        } else if self.directives.echoes {
            text = Directives.removed(from: self.lastUserText)
        } else {
            let wanted = self.directives.words ?? SimulatedProse.usualLength(&self.random)
            isCut = wanted > allowance
            text = SimulatedProse.text(tokens: min(wanted, allowance), &self.random)
        }
        if TokenEstimate.text(text.utf8) > allowance {
            isCut = true
            text = Self.cut(text, to: allowance)
        }
        // A stop sequence ends the text before itself, and before any limit that lies behind it.
        let stops = self.call.stopSequences.compactMap { sequence in
            text.firstRange(of: sequence).map { (start: $0.lowerBound, sequence: sequence) }
        }
        if let stop = stops.min(by: { $0.start < $1.start }) {
            text = String(text[..<stop.start])
            isCut = false
            self.answer.stopReason = "stop_sequence"
            self.answer.stopSequence = stop.sequence
        }
        if isCut {
            self.answer.stopReason = "max_tokens"
            self.answer.outputTokens = self.call.maxTokens
        } else {
            let tokens = max(1, self.scaled(TokenEstimate.text(text.utf8)))
            self.answer.outputTokens = min(self.answer.outputTokens + tokens, self.call.maxTokens)
        }
        guard !text.isEmpty else { return }
        self.answer.blocks.append(.text(text, citation: self.call.firstCitation()))
    }

    /// The longest beginning of `text` that ends with a word and has at most `tokens` tokens.
    private static func cut(_ text: String, to tokens: Int) -> String {
        var end = text.startIndex
        var total = 0
        var start = text.startIndex
        while start < text.endIndex {
            let next = text[text.index(after: start)...].firstIndex(of: " ") ?? text.endIndex
            total += TokenEstimate.text(text[start..<next].utf8)
            guard total <= tokens else { break }
            end = next
            start = next
        }
        return String(text[..<end])
    }
}

extension MessagesCall {
    /// A citation of the first document that asks for them, where its text is in the request.
    func firstCitation() -> JSONFragment? {
        guard self.prompt.hasCitations, let messages = self.root["messages"] else { return nil }
        var index = 0
        for message in messages.elements {
            guard let content = message["content"] else { continue }
            for block in content.elements where block["type"]?.hasContent("document") == true {
                defer { index += 1 }
                guard block["citations"]?["enabled"]?.bool == true, let source = block["source"],
                    source["type"]?.hasContent("text") == true, let text = source["data"]?.string, !text.isEmpty
                else { continue }
                let scalars = text.unicodeScalars
                let end =
                    scalars.index(scalars.startIndex, offsetBy: 60, limitedBy: scalars.endIndex) ?? scalars.endIndex
                let cited = String(scalars[..<end])
                return [
                    "type": "char_location", "cited_text": JSONFragment(string: cited),
                    "document_index": JSONFragment(index),
                    "document_title": JSONFragment(optional: block["title"]?.string),
                    "start_char_index": 0, "end_char_index": JSONFragment(cited.unicodeScalars.count), "file_id": nil,
                ]
            }
        }
        return nil
    }

    /// The text of the last message, where it is the user's: what directives are looked for in.
    var lastUserText: String {
        guard let messages = self.root["messages"].map({ Array($0.elements) }),
            let last = messages.last(where: { $0["role"]?.hasContent("system") != true }),
            last["role"]?.hasContent("user") == true, let content = last["content"]
        else { return "" }
        if let text = content.string { return text }
        return content.elements.filter { $0["type"]?.hasContent("text") == true }.compactMap { $0["text"]?.string }
            .joined(separator: "\n")
    }
}
