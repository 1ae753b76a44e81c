import Foundation
import RefrainCore
import RefrainKeys

/// Recorded responses of the API that lie beside the checkout on the project's own machines, in a folder called `shared`.
/// They belong to others and are not part of the project, so what reads them is skipped where they are not.
enum RecordedResponses {
    private static let file: URL? = {
        var directory = URL(filePath: #filePath)
        while directory.path.count > 1 {
            directory.deleteLastPathComponent()
            let file = directory.appending(path: "shared/traces/llm/anthropic_cassettes.jsonl.xz")
            if FileManager.default.fileExists(atPath: file.path) { return file }
        }
        return nil
    }()

    static var areThere: Bool { Self.file != nil }

    /// The distinct bodies of successful responses in the bytes that a cache keeps: a plain message, without the spaces
    /// that the recorder put in, and a stream's assembled message. Those whose members the recorder has sorted are left
    /// out, since a compressor would see the difference.
    static func bodies() throws -> [[UInt8]] {
        guard let file else { return [] }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["xz", "-dc", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()

        var bodies: Set<[UInt8]> = []
        for line in Array(data).split(separator: UInt8(ascii: "\n")) {
            let row = try JSONDocument(Array(line)).root
            guard row["status"]?.int == 200, let kind = row["resp_kind"]?.string, let response = row["resp"] else {
                continue
            }
            if kind == "sse" {
                var parser = SSEParser()
                var assembler = MessageAssembler()
                for event in try parser.feed(Array((response.string ?? "").utf8)) { assembler.consume(event) }
                if let last = parser.finish() { assembler.consume(last) }
                if case .message(let message) = assembler.finish() { bodies.insert(message) }
            } else if kind == "raw" {
                let body = try JSONValue(Array(response.raw)).encoded()
                if try MessageSummary(json: body).isMessage { bodies.insert(body) }
            }
        }
        // In an order that is the same in every run.
        return bodies.sorted { $0.lexicographicallyPrecedes($1) }
    }
}
