import ArgumentParser
import RefrainCore
import RefrainKeys

/// `refrain explain`: why two requests do not share an answer.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Print the first paths at which two requests differ, or that they share a key.",
        discussion: """
            It compares what the key sees: white space, member order and excluded fields such as stream and metadata do \
            not show. It also tells where the prefix that the API's prompt cache could share first breaks.

            Exit status: 0 they share a key or differ, 1 one of them cannot be keyed.
            """)

    @Argument(help: "A file that holds a request body, - for standard input.")
    var first: String

    @Argument(help: "Another.")
    var second: String

    @Option(help: ArgumentHelp("The most differences to print.", valueName: "n"))
    var limit = 20

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var key: KeyArguments

    func validate() throws {
        guard self.limit >= 1 else { throw ValidationError("--limit must be at least 1") }
        guard !(self.first == "-" && self.second == "-") else {
            throw ValidationError("only one of the two can be standard input")
        }
    }

    func run() async throws {
        let comparison = RequestComparison(
            try CommandInput.read(self.first), try CommandInput.read(self.second), in: self.key.context,
            limit: self.limit)
        if self.json { Terminal.print(Self.object(comparison)) } else { Terminal.print(self.text(comparison)) }
        guard comparison.first.key != nil, comparison.second.key != nil else { throw ExitCode.failure }
    }

    private func text(_ comparison: RequestComparison) -> String {
        var lines: [String] = []
        for (file, outcome) in [(self.first, comparison.first), (self.second, comparison.second)] {
            if case .bypass(let reason) = outcome { lines.append("\(file): not cached, \(reason)") }
        }
        if comparison.sharesKey {
            lines.append("same key: they share an answer")
        } else if !comparison.differences.isEmpty {
            lines.append("different keys:")
            lines += comparison.differences.map { "  \($0)" }
            if comparison.isTruncated { lines.append("  and more: --limit shows more") }
        }
        if let prefix = comparison.promptPrefix {
            let shared =
                "about \(prefix.sharedTokens.thousandsSeparated) of \(prefix.firstTokens.thousandsSeparated) tokens"
            if let path = prefix.brokenBy {
                lines.append("prompt-cache prefix: \(shared), then broken by \(path)")
            } else {
                lines.append("prompt-cache prefix: \(shared), not broken")
            }
            lines.append("  (\(PromptPrefix.basis))")
        }
        return lines.joined(separator: "\n")
    }

    private static func object(_ comparison: RequestComparison) -> JSONObject {
        func outcome(_ outcome: KeyOutcome) -> JSONValue {
            switch outcome {
            case .key(let keyed): ["key": .string(keyed.key.hex)]
            case .bypass(let reason):
                ["key": .null, "reason": .string(reason.code.description), "detail": .string(reason.detail)]
            }
        }
        func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
        let prefix = comparison.promptPrefix.map { prefix -> JSONValue in
            [
                "broken_by": text(prefix.brokenBy), "section": text(prefix.section?.description),
                "shared_blocks": .number(JSONNumber(prefix.sharedBlocks)),
                "shared_tokens": .number(JSONNumber(prefix.sharedTokens)),
                "first_tokens": .number(JSONNumber(prefix.firstTokens)),
                "second_tokens": .number(JSONNumber(prefix.secondTokens)), "basis": .string(PromptPrefix.basis),
            ]
        }
        return [
            "shares_key": .bool(comparison.sharesKey), "first": outcome(comparison.first),
            "second": outcome(comparison.second),
            "differences": .array(
                comparison.differences.map { difference in
                    [
                        "path": .string(difference.path), "first": text(difference.first),
                        "second": text(difference.second), "order_only": .bool(difference.isOrderOnly),
                    ]
                }),
            "truncated": .bool(comparison.isTruncated), "prompt_prefix": prefix ?? .null,
        ]
    }
}
