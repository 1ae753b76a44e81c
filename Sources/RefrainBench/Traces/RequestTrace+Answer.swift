import RefrainCore
import RefrainKeys

extension RequestTrace.Answer {
    /// The message that the answer is, as JSON; nil where it is none, or is a stream that is not whole.
    var message: [UInt8]? {
        switch self {
        case .message(let json): return json
        case .failure: return nil
        case .text(let text):
            return SyntheticMessage.json(text: text, model: RequestBody.standInModel, usage: Usage())
        case .events(let bytes):
            var parser = SSEParser()
            var assembler = MessageAssembler()
            // A recording that is no stream holds no message.
            guard var events = try? parser.feed(bytes) else { return nil }
            if let last = parser.finish() { events.append(last) }
            for event in events { assembler.consume(event) }
            guard case .message(let json) = assembler.finish() else { return nil }
            return json
        }
    }

    /// The same for equal answers: of a message its content, without the ids and the usage around it. Nil for errors.
    var fingerprint: Int? {
        var hasher = Hasher()
        switch self {
        case .failure: return nil
        case .text(let text): hasher.combine(text)
        case .message, .events:
            // Answers that are no JSON are all alike: none of them can be given.
            let document = self.message.flatMap { try? JSONDocument($0) }
            hasher.combine(document?.root["content"].map { Array($0.raw) })
        }
        return hasher.finalize()
    }
}
