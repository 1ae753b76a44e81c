import Foundation
import Testing

@testable import RefrainKeys

/// Requests and their keys, written down. Entries outlive the program that stored them, and other programs derive the
/// same keys; so a key never changes under one canonicaliser id.
///
/// `Tests/Fixtures/RequestKeys/vectors.jsonl` holds the id, then one vector a line: a name, the context, the body and
/// what it comes to (`key` in hex and `canonical`, the canonical body; or `bypass`).
///
/// - To add vectors, add lines with neither, and run this test once with `REFRAIN_GOLDEN` set to the current id: it
///   fills them in, and leaves all others alone.
/// - To change the canonical form, give `Preamble.canonicalizer` a new id, and run this test once with `REFRAIN_GOLDEN`
///   set to the new id: it writes all vectors anew. Under the old id it refuses.
@Suite struct GoldenVectorTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/RequestKeys/vectors.jsonl")

    private struct Vector: Codable, Equatable {
        struct Context: Codable, Equatable {
            var shared: String?
            var apiKey: String?
            var authorization: String?
            var workspace: String?
            var userProfile: String?
            var origin: String?
            var path: String?
            var version: String?
            var betas: [String]?
            var userVersion: String?
            var sampleIndex: Int?
            var urlSources: Bool?
            var fileSources: Bool?
            var fallbacks: Bool?
            var keysSpeed: Bool?
        }

        var name: String
        var context: Context
        var body: String
        var key: String?
        var canonical: String?
        var bypass: String?

        /// The vector with what it comes to now.
        func derived() throws -> Vector {
            var scope = Scope.shared(self.context.shared ?? "golden")
            if self.context.apiKey != nil || self.context.authorization != nil {
                scope = try #require(
                    Scope.credential(
                        apiKey: self.context.apiKey, authorization: self.context.authorization,
                        workspace: self.context.workspace, userProfile: self.context.userProfile))
            }
            var context = KeyContext(scope: scope)
            if let origin = self.context.origin { context.origin = origin }
            if let path = self.context.path { context.path = path }
            if let version = self.context.version { context.version = version }
            if let betas = self.context.betas { context.betas = betas }
            if let userVersion = self.context.userVersion { context.userVersion = userVersion }
            if let sampleIndex = self.context.sampleIndex { context.sampleIndex = sampleIndex }
            context.options = KeyOptions(
                urlSources: self.context.urlSources ?? false, fileSources: self.context.fileSources ?? false,
                fallbacks: self.context.fallbacks ?? false, keysSpeed: self.context.keysSpeed ?? false)
            var vector = self
            (vector.key, vector.canonical, vector.bypass) = (nil, nil, nil)
            let deriver = KeyDeriver(context)
            switch deriver.derive(Array(self.body.utf8)) {
            case .key(let request):
                vector.key = request.key.hex
                vector.canonical = String(decoding: try deriver.canonicalBody(Array(self.body.utf8)), as: UTF8.self)
            case .bypass(let reason): vector.bypass = reason.description
            }
            return vector
        }
    }

    private struct Header: Codable {
        var canonicalizer: String
    }

    @Test func `keys are what they were`() throws {
        let text = try String(contentsOf: Self.file, encoding: .utf8)
        let lines = text.split(separator: "\n")
        let header = try JSONDecoder().decode(Header.self, from: Data(try #require(lines.first).utf8))
        let vectors = try lines.dropFirst().map { try JSONDecoder().decode(Vector.self, from: Data($0.utf8)) }
        let derived = try vectors.map { try $0.derived() }
        if ProcessInfo.processInfo.environment["REFRAIN_GOLDEN"] == Preamble.canonicalizer {
            try self.write(vectors, derived, header)
            return
        }
        #expect(
            header.canonicalizer == Preamble.canonicalizer,
            "the vectors are of another canonicaliser id: write them anew, as the comment of this suite says")
        #expect(vectors.count >= 80)
        for (vector, derived) in zip(vectors, derived) {
            #expect(
                vector == derived,
                """
                \(vector.name): the key changed, and entries stored under \(Preamble.canonicalizer) would be lost or \
                wrongly found. Undo the change, or give Preamble.canonicalizer a new id and write the vectors anew, as \
                the comment of this suite says
                """)
        }
        // What is told apart by name is told apart by key, but for those that say that they are the same.
        var names: [String: String] = [:]
        for vector in vectors {
            let group = vector.name.split(separator: "=").first.map(String.init) ?? vector.name
            guard let key = vector.key else { continue }
            if let other = names.updateValue(group, forKey: key) { #expect(other == group, "\(vector.name)") }
        }
        #expect(names.count == Set(vectors.filter { $0.key != nil }.map { $0.name.split(separator: "=")[0] }).count)
    }

    private func write(_ vectors: [Vector], _ derived: [Vector], _ header: Header) throws {
        if header.canonicalizer == Preamble.canonicalizer {
            for (vector, derived) in zip(vectors, derived) where vector.key != nil || vector.bypass != nil {
                try #require(vector == derived, "\(vector.name) changed: give Preamble.canonicalizer a new id first")
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var lines = [try encoder.encode(Header(canonicalizer: Preamble.canonicalizer))]
        for vector in derived { lines.append(try encoder.encode(vector)) }
        let text = lines.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
        try text.write(to: Self.file, atomically: true, encoding: .utf8)
        Issue.record("wrote \(derived.count) vectors of \(Preamble.canonicalizer); run again without REFRAIN_GOLDEN")
    }
}
