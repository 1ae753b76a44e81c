import Testing

@testable import RefrainKeys

/// The requests that Python clients and others sent to the real API and recorded. Skipped where the shared data is not
/// at hand.
@Suite(.enabled(if: SharedData.folder != nil)) struct CassetteTests {
    private struct Recording {
        var context: KeyContext
        /// As sent where that was recorded, as parsed by the recorder otherwise.
        var body: [UInt8]
        var parsed: [UInt8]
        var isRaw: Bool
    }

    private func recordings() throws -> [Recording] {
        try SharedData.lines("llm/anthropic_cassettes.jsonl.xz").map { line in
            let record = try JSONDocument(Array(line), limits: JSONLimits(bytes: .max, depth: 512)).root
            let uri = try #require(record["uri"]?.string)
            let host = try #require(uri.firstRange(of: "://"))
            let path = uri[host.upperBound...].firstIndex(of: "/") ?? uri.endIndex
            let headers = record["hdr"]
            let raw = record["raw"].flatMap { $0.string }
            let parsed = Array(try #require(record["body"]).raw)
            return Recording(
                context: KeyContext(
                    scope: .shared("recorded"), origin: String(uri[..<path]), path: String(uri[path...]),
                    version: headers?["anthropic-version"]?.string ?? "2023-06-01",
                    betas: headers?["anthropic-beta"]?.string.map { [$0] } ?? []),
                body: raw.map { Array($0.utf8) } ?? parsed, parsed: parsed, isRaw: raw != nil)
        }
    }

    @Test func `every recorded request has a key or a reason`() throws {
        let recordings = try self.recordings()
        #expect(recordings.count == 777)
        var reasons: [String: Int] = [:]
        var keys: [RequestKey: Int] = [:]
        var bodyKeys: [RequestKey: Int] = [:]
        var forms: [[UInt8]: RequestKey] = [:]
        let everything = KeyOptions(urlSources: true, fileSources: true, fallbacks: true, keysSpeed: false)
        var optedIn = 0
        for recording in recordings {
            let deriver = KeyDeriver(recording.context)
            switch deriver.derive(recording.body) {
            case .key(let request):
                keys[request.key, default: 0] += 1
                #expect(request.model != nil)
                let form = try deriver.canonical(recording.body)
                // One key, one canonical text, and the other way round.
                #expect(forms.updateValue(request.key, forKey: form) ?? request.key == request.key)
                let body = try deriver.canonicalBody(recording.body)
                #expect(deriver.derive(body).key == request.key)
                #expect(try deriver.canonicalBody(body) == body)
                // Where the sent bytes were recorded, parsing and spelling them anew changes nothing but escapes.
                if recording.isRaw { #expect(deriver.derive(recording.parsed).key == request.key) }
            case .bypass(let reason):
                reasons[reason.code.description, default: 0] += 1
                #expect(!reason.detail.isEmpty)
            }
            // Without the headers, as the reference figures were taken.
            if let key = KeyDeriver(plainContext).derive(recording.body).key { bodyKeys[key, default: 0] += 1 }
            var context = recording.context
            context.options = everything
            if KeyDeriver(context).derive(recording.body).key != nil { optedIn += 1 }
        }
        let keyed = keys.values.reduce(0, +)
        #expect(forms.count == keys.count)
        #expect(keyed + reasons.values.reduce(0, +) == recordings.count)
        func share(_ keys: [RequestKey: Int], of total: Int) -> Double {
            (Double(keys.values.reduce(0, +) - keys.count) / Double(total) * 1000).rounded() / 10
        }
        print(
            """
            cassettes: \(recordings.count) requests, \(keyed) with a key (\(optedIn) with every opt-in), \
            bypassed \(reasons.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
            exact repeats by our key: \(share(keys, of: keyed)) % of those with one, \
            \(share(bodyKeys, of: keyed)) % without the headers (a parsed-body key over all: 33.6 %, 35.2 % without \
            stream and metadata)
            """)
        #expect(
            reasons == [
                "compaction": 5, "container": 6, "file-source": 13, "mcp-servers": 25, "server-tool": 36,
                "url-source": 30,
            ])
        #expect(share(keys, of: keyed) == 36.6)
    }
}
