import Testing

@testable import RefrainKeys

/// The files of Nicolas Seriot's JSONTestSuite. Skipped where the shared data is not at hand.
@Suite(.enabled(if: SharedData.folder != nil)) struct JSONTestSuiteTests {
    /// Valid texts that have no key all the same, because readers disagree on them.
    private static let refused: Set<String> = [
        "y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json",
    ]

    private func files() throws -> [(name: String, bytes: [UInt8])] {
        try SharedData.archive("json/jsontestsuite.tar.xz").compactMap { path, bytes in
            let name = String(path.split(separator: "/").last ?? "")
            return name.hasSuffix(".json") ? (name, bytes) : nil
        }
    }

    /// What deriving comes to, from memory of exactly the text's size.
    private func derive(_ bytes: [UInt8]) -> KeyOutcome {
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        defer { buffer.deallocate() }
        _ = buffer.initialize(from: bytes)
        return plainDeriver.derive(UnsafeBufferPointer(buffer))
    }

    @Test func `each file as a text of its own`() throws {
        let files = try self.files()
        #expect(files.count >= 318)
        for (name, bytes) in files {
            do throws(JSONError) {
                let document = try JSONDocument(bytes)
                #expect(!name.hasPrefix("n_"), "\(name) must be refused")
                #expect(document.root.range.count <= bytes.count)
            } catch {
                #expect(!name.hasPrefix("y_"), "\(name): \(error)")
                #expect((0...bytes.count).contains(error.offset), "\(name): \(error)")
            }
        }
    }

    @Test func `each file as a whole request`() throws {
        for (name, bytes) in try self.files() {
            let outcome = derive(bytes)
            guard case .bypass(let reason) = outcome else {
                #expect(!name.hasPrefix("n_"), "\(name) must be refused")
                continue
            }
            if name.hasPrefix("y_") {
                #expect(
                    reason.code == (Self.refused.contains(name) ? .duplicateMember : .notAnObject), "\(name): \(reason)"
                )
            } else if name.hasPrefix("n_") {
                #expect([.invalidJSON, .invalidUTF8, .tooDeep].contains(reason.code), "\(name): \(reason)")
                #expect(reason.detail.contains("at byte "), "\(name): \(reason)")
            }
        }
    }

    @Test func `each file as a tool's input`() throws {
        let start =
            #"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":"#
        var keys: [RequestKey: [UInt8]] = [:]
        var counts: [String: (keys: Int, refusals: Int)] = [:]
        for (name, bytes) in try self.files() {
            let body = Array(start.utf8) + bytes + Array("}]}]}".utf8)
            let kind = ["y_", "n_", "i_"].first { name.hasPrefix($0) } ?? "other"
            switch derive(body) {
            case .key(let request):
                #expect(kind != "n_", "\(name) must be refused")
                counts[kind, default: (0, 0)].keys += 1
                // Spelt as it stands in the canonical form, or another way; but two files with one key are one value.
                let text = try plainDeriver.canonicalBody(body)
                if let other = keys.updateValue(text, forKey: request.key) { #expect(other == text, "\(name)") }
                #expect(plainDeriver.derive(text).key == request.key, "\(name)")
            case .bypass(let reason):
                counts[kind, default: (0, 0)].refusals += 1
                if kind == "y_" {
                    #expect(Self.refused.contains(name) && reason.code == .duplicateMember, "\(name): \(reason)")
                } else if kind == "n_" {
                    #expect([.invalidJSON, .invalidUTF8, .tooDeep].contains(reason.code), "\(name): \(reason)")
                }
                #expect(reason.detail.contains("at byte "), "\(name): \(reason)")
            }
        }
        print("JSONTestSuite as tool inputs: \(counts)")
        #expect(counts["n_"]?.refusals == 188 && counts["n_"]?.keys == 0)
        #expect(counts["y_"]?.keys == 93)
    }
}
