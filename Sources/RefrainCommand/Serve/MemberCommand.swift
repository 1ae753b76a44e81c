import ArgumentParser
import RefrainCore
import RefrainKeys

/// `refrain member`: what a credential is called in the file of groups.
struct MemberCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Print what a credential is called in the groups of a gateway.",
        discussion: """
            The credential is read from standard input, so that it is in no list of processes and in no history: an API \
            key, or a token that you give to a client. --new makes a token, and prints it with its name.
            """)

    @Flag(help: "Make a token for a client.")
    var new = false

    func run() async throws {
        if self.new {
            var generator = SystemRandomNumberGenerator()
            let token = "refrain-" + (0..<4).map { _ in Self.hex(generator.next()) }.joined()
            guard let member = MemberID(apiKey: token, authorization: nil) else { throw ExitCode.failure }
            Terminal.print("token   \(token)")
            Terminal.print("member  \(member)")
            return
        }
        let text = String(decoding: try CommandInput.read("-"), as: UTF8.self)
        let credential = text.split(whereSeparator: \.isWhitespace)
        guard credential.count == 1, let member = MemberID(apiKey: String(credential[0]), authorization: nil) else {
            throw ValidationError("standard input must hold one credential and nothing else")
        }
        Terminal.print(member.description)
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
