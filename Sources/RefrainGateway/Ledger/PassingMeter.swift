import RefrainCore

/// The tokens of an answer that is passed on, read as its bytes go by: none of the body is kept but what tells them.
struct PassingMeter {
    /// No event that tells tokens is as large.
    private static let eventBytes = 1 << 20

    private enum Form {
        case unread
        case stream(SSEParser)
        case whole(UsageScanner)
    }

    private var form: Form
    private var events = UsageMeter()

    /// Reads the answer if it is one of the API's, a stream or whole, without a coding.
    init(_ response: UpstreamResponse) {
        func value(_ name: String) -> String? { response.headers.first { $0.name == name }?.value.lowercased() }
        let type = value("content-type") ?? ""
        if response.status != 200 || (value("content-encoding") ?? "identity") != "identity" {
            self.form = .unread
        } else if type.hasPrefix("text/event-stream") {
            self.form = .stream(SSEParser(maximumEventBytes: Self.eventBytes))
        } else if type.hasPrefix("application/json") {
            self.form = .whole(UsageScanner())
        } else {
            self.form = .unread
        }
    }

    /// What is known so far.
    var tokens: UsageMeter {
        guard case .whole(let scanner) = self.form else { return self.events }
        return UsageMeter(usage: scanner.usage, model: scanner.model)
    }

    /// Takes the next bytes of the body.
    mutating func read(_ chunk: [UInt8]) {
        // What reads is taken out, so that it is changed in place and not copied.
        switch self.form {
        case .unread: break
        case .whole(var scanner):
            self.form = .unread
            scanner.read(chunk)
            self.form = .whole(scanner)
        case .stream(var parser):
            self.form = .unread
            do throws(WireError) {
                for event in try parser.feed(chunk) { self.events.read(event) }
                self.form = .stream(parser)
            } catch {
                // An event too large to be the API's: the rest goes by unread.
            }
        }
    }
}
