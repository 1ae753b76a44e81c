/// A question to a server that has one answer: `PING` with a word drawn at random. Another reply in its place belongs to
/// another command.
struct StepQuestion {
    private let word = "\(UInt64.random(in: .min ... .max))"

    /// What is sent.
    var command: RESPCommand { RESPCommand("PING", .text(self.word)) }

    /// Whether it is the answer.
    func isAnswered(by reply: RESPValue) -> Bool {
        if case .bulk(let bytes?) = reply { bytes.elementsEqual(self.word.utf8) } else { false }
    }

    /// Whether the reply is another command's. An error is not: the server is busy, or does not permit `PING`. Nor is a plain
    /// `PONG`, as proxies answer that know only `PING` without a word, and which no other command has.
    func isContradicted(by reply: RESPValue) -> Bool {
        switch reply {
        case .error, .simple("PONG"): false
        default: !self.isAnswered(by: reply)
        }
    }
}
