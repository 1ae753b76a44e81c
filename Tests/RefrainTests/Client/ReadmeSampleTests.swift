import Foundation
import Testing

/// The documents' samples are the code that ``readmeSample()`` and its neighbours compile.
@Suite struct ReadmeSampleTests {
    @Test func theDocumentsSamplesAreTheCompiledOnes() throws {
        let here = URL(filePath: #filePath)
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let source = try String(
            contentsOf: here.deletingLastPathComponent().appending(path: "ReadmeSample.swift"), encoding: .utf8
        )
        var document = ""
        var sample: [Substring]?
        var checked = 0
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            let text = line.drop { $0 == " " }
            if text == "// end", let lines = sample {
                let page = try String(contentsOf: root.appending(path: document), encoding: .utf8)
                // The formatter has its own mind about the space before a comment.
                let wanted = Self.collapsed(lines.joined(separator: "\n"))
                #expect(Self.collapsed(page).contains(wanted), "\(document) has another sample")
                checked += 1
                sample = nil
            } else if sample != nil {
                // One level of indentation is the function's.
                sample?.append(line.hasPrefix("    ") ? line.dropFirst(4) : line)
            } else if text.hasPrefix("// "), text.hasSuffix(".md") {
                document = String(text.dropFirst(3))
                sample = []
            }
        }
        #expect(checked == 3)
    }

    private static func collapsed(_ text: String) -> String {
        text.replacing(/[ ]+\/\//, with: " //")
    }
}
