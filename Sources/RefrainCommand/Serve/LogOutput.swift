import ArgumentParser
import Logging
import RefrainCore

/// `--log-format`.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// `--log-level`.
struct LogLevel: ExpressibleByArgument {
    let level: Logger.Level

    init?(argument: String) {
        guard let level = Logger.Level(rawValue: argument) else { return nil }
        self.level = level
    }
}

/// A log on standard error, a line for each entry, as text or as a JSON object.
struct LogOutput: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: LogFormat

    static func logger(_ label: String, format: LogFormat, level: Logger.Level) -> Logger {
        Logger(label: label) { Self(logLevel: level, label: $0, format: format) }
    }

    private init(logLevel: Logger.Level, label: String, format: LogFormat) {
        self.logLevel = logLevel
        self.label = label
        self.format = format
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = TimeSource.system.now().rfc3339WithMilliseconds
        let fields = self.metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        switch self.format {
        case .text:
            let values = fields.map { " \($0.key)=\(Self.quoted("\($0.value)"))" }.joined()
            Terminal.status("\(time) \(event.level) \(event.message)\(values)\n")
        case .json:
            var object = JSONObject([
                ("time", .string(time)), ("level", .string(event.level.rawValue)), ("logger", .string(self.label)),
                ("message", .string("\(event.message)")),
            ])
            for (key, value) in fields where object[key] == nil { object[key] = .string("\(value)") }
            Terminal.status(String(decoding: JSONValue.object(object).encoded(), as: UTF8.self) + "\n")
        }
    }

    /// A value in quotes, where it would not stand as one word: nobody can make a line look like two.
    private static func quoted(_ value: String) -> String {
        let isWord = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        return isWord ? value : String(decoding: JSONValue.string(value).encoded(), as: UTF8.self)
    }
}
