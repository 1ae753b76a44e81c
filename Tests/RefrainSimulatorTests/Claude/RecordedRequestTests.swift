import Foundation
import RefrainSimulator
import Testing

/// Requests that the real API once answered get the same status here.
@Suite struct RecordedRequestTests {
    /// The folder of recorded traffic beside the checkout; nil where there is none.
    static let traces: URL? = {
        var folder = URL(fileURLWithPath: #filePath)
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            let traces = folder.deletingLastPathComponent().appendingPathComponent("shared/traces/llm")
            if FileManager.default.fileExists(atPath: traces.path) { return traces }
        }
        return nil
    }()

    /// The lines of what `xz -dc` makes of a file.
    private static func lines(of file: URL) throws -> [Data] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["xz", "-dc", file.path]
        process.standardOutput = output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        var lines: [Data] = []
        var start = bytes.startIndex
        while let end = bytes.range(of: Data([0x0A]), in: start..<bytes.endIndex) {
            lines.append(bytes[start..<end.lowerBound])
            start = end.upperBound
        }
        return lines
    }

    /// Recordings of 2024, when a result whose call is missing was accepted.
    private static let laxer = ["anthropic_completion_tools_call_with_tool_result_stream"]

    // The recordings are third-party data that is not part of the project.
    @Test(.enabled(if: traces != nil, "needs the recorded traffic in ../shared/traces"))
    func `recorded requests get their recorded status`() throws {
        let folder = try #require(Self.traces)
        let lines = try Self.lines(of: folder.appendingPathComponent("anthropic_cassettes.jsonl.xz"))
        var claude = Claude(SimulatorConfiguration())
        var wrong: [String] = []
        var read = 0
        for line in lines {
            // Only names and the body are looked at, so the order that this parser forgets does not matter.
            guard let record = try JSONSerialization.jsonObject(with: line) as? [String: Any],
                let body = record["body"] as? [String: Any], let status = record["status"] as? Int,
                let uri = record["uri"] as? String, let name = record["cassette"] as? String
            else { continue }
            read += 1
            if Self.laxer.contains(where: { name.contains($0) }) { continue }
            let path = "/v1/" + (uri.components(separatedBy: "/v1/").last ?? "")
            let bytes = try JSONSerialization.data(withJSONObject: body)
            let reply = claude.ask(String(decoding: bytes, as: UTF8.self), path: path)
            // Keys are not what the recordings are about.
            if status != 401, reply.status != status {
                wrong.append("\(name): \(status) \(reply.status) \(reply.text.prefix(300))")
            }
        }
        #expect(read == 777)
        #expect(wrong.isEmpty, "\(wrong.count) differ:\n\(wrong.prefix(20).joined(separator: "\n"))")
    }
}
