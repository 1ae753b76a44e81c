import RefrainCore

/// The tokens of a streamed answer, read from its events as they pass.
struct UsageMeter {
    /// The tokens so far; nil where no event has told any.
    private(set) var usage: Usage?
    /// The model that answers; empty until it is known.
    private(set) var model = ""

    /// Takes the bytes of one event.
    mutating func read(_ raw: [UInt8]) {
        guard Self.mayTell(raw) else { return }
        var parser = SSEParser()
        // What is no event tells nothing, and is the caller's to judge.
        guard let events = try? parser.feed(raw) else { return }
        for event in events { self.read(event) }
    }

    /// Takes an event.
    mutating func read(_ event: ServerSentEvent) {
        guard Self.mayTell(event.raw) else { return }
        switch StreamEvent(event) {
        case .messageStart(let message):
            self.usage = message.usage
            self.model = message.model.rawValue
        case .messageDelta(let delta):
            var usage = self.usage ?? Usage()
            usage.outputTokens = max(usage.outputTokens, delta.usage.outputTokens)
            usage.inputTokens = max(usage.inputTokens, delta.usage.inputTokens)
            usage.cacheReadTokens = max(usage.cacheReadTokens, delta.usage.cacheReadTokens)
            self.usage = usage
        default: break
        }
    }

    /// Whether an event is one of the two that tell tokens, as far as its first bytes show.
    private static func mayTell(_ raw: [UInt8]) -> Bool {
        let name = "event: message_".utf8
        guard raw.starts(with: name), raw.count > name.count else { return false }
        // message_start and message_delta, not message_stop.
        return raw[name.count] == UInt8(ascii: "d")
            || (raw.count > name.count + 2 && raw[name.count + 2] == UInt8(ascii: "a"))
    }
}
