import Testing

@testable import RefrainKeys

/// What moves a key besides the body.
@Suite struct ContextTests {
    private let body = Array(
        #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"stream":true}"#.utf8)

    private func key(_ change: (inout KeyContext) -> Void) -> RequestKey? {
        var context = plainContext
        change(&context)
        return KeyDeriver(context).derive(self.body).key
    }

    private func expectDistinct(
        _ changes: [(inout KeyContext) -> Void], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let keys = changes.map { self.key($0) }
        #expect(!keys.contains(nil), sourceLocation: sourceLocation)
        #expect(Set(keys).count == changes.count, sourceLocation: sourceLocation)
    }

    @Test func `betas are a set, without those that do nothing`() {
        let plain = self.key { $0.betas = ["a-1", "b-2"] }
        for betas in [
            ["b-2", "a-1"], ["a-1,b-2"], ["b-2 , a-1"], ["a-1", "a-1", "b-2,a-1"], [" a-1\t,,b-2,"],
            ["", "a-1", "b-2"],
            ["a-1", "b-2", "prompt-caching-2024-07-31"],
            ["pdfs-2024-09-25,token-counting-2024-11-01", "a-1", "token-efficient-tools-2025-02-19", "b-2"],
            ["extended-cache-ttl-2025-04-11", "cache-diagnosis-2026-04-07", "message-batches-2024-09-24", "a-1,b-2"],
        ] { #expect(self.key { $0.betas = betas } == plain, "\(betas)") }
        #expect(self.key { $0.betas = ["pdfs-2024-09-25"] } == self.key { _ in })
        self.expectDistinct([
            { _ in }, { $0.betas = ["a-1"] }, { $0.betas = ["b-2"] }, { $0.betas = ["a-1", "b-2"] },
            { $0.betas = ["a-1b-2"] }, { $0.betas = ["A-1"] }, { $0.betas = ["a-1 b-2"] }, { $0.betas = ["a-1;b-2"] },
            { $0.betas = ["files-api-2025-04-14"] }, { $0.betas = ["skills-2025-10-02"] },
            { $0.betas = ["context-management-2025-06-27"] }, { $0.betas = ["1:1\n3:a-1"] },
        ])
    }

    @Test func `origin, path, version, user version and sample`() {
        self.expectDistinct([
            { _ in }, { $0.origin = "http://api.anthropic.com" }, { $0.origin = "https://api.anthropic.com:8443" },
            { $0.origin = "https://api.anthropic.com/prefix" }, { $0.origin = "https://API.anthropic.com/Prefix" },
            { $0.origin = "https://example.com" }, { $0.origin = "" },
            { $0.path = "/v1/messages/count_tokens" }, { $0.path = "/v1/Messages" }, { $0.path = "/v1/messages/" },
            { $0.version = "2026-10-21" }, { $0.version = "" }, { $0.userVersion = "1" }, { $0.userVersion = "2" },
            { $0.userVersion = " 1" }, { $0.sampleIndex = 1 }, { $0.sampleIndex = 2 }, { $0.sampleIndex = -1 },
            { $0.sampleIndex = .max },
        ])
        let plain = self.key { _ in }
        for path in ["/v1/messages?beta=true", "/v1/messages?", "/v1/messages?a=1&b=/x?y", "/v1/messages#x"] {
            #expect(self.key { $0.path = path } == plain)
        }
        for origin in [
            "https://api.anthropic.com/", "HTTPS://API.Anthropic.COM", "https://api.anthropic.com:443",
            "https://api.anthropic.com:443/",
        ] { #expect(self.key { $0.origin = origin } == plain, "\(origin)") }
        #expect(self.key { $0.version = " 2023-06-01 " } == plain)
    }

    /// A field of the context cannot be written so that it reads as two.
    @Test func `fields do not run together`() {
        self.expectDistinct([
            { _ in }, { $0.userVersion = "\nsample 1:1" }, { $0.userVersion = "0:\nsample 1:0\n" },
            { $0.userVersion = "x\nsample 1:0\n{\"max_tokens\":1}" }, { $0.version = "2023-06-01\nbetas 1:0" },
            { $0.origin = "https://api.anthropic.com\npath 12:/v1/messages" },
            { $0.path = "/v1/messages\nversion 10:2023-06-01" }, { $0.betas = ["x\nuser-version 0:"] },
        ])
    }

    @Test func `options decide what has a key, and what else is in it`() {
        #expect(self.key { $0.options = DocumentedRequest.everyOption } == self.key { _ in })
        let url = #"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"%"}}]}]}"#
        let file =
            #"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"%"}}]}]}"#
        let upload = #"{"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"%"}]}]}"#
        let fallbacks = #"{"messages":[],"fallbacks":[{"model":"%"}]}"#
        for (body, options, code) in [
            (url, KeyOptions(urlSources: true), BypassReason.Code.urlSource),
            (file, KeyOptions(fileSources: true), .fileSource), (upload, KeyOptions(fileSources: true), .fileSource),
            (fallbacks, KeyOptions(fallbacks: true), .fallbacks),
        ] {
            RefrainKeysTests.expectDistinct(["a", "b"].map { body.replacing("%", with: $0) }, options)
            for other in [
                KeyOptions(
                    urlSources: !options.urlSources, fileSources: !options.fileSources, fallbacks: !options.fallbacks),
                KeyOptions(keysSpeed: true), KeyOptions(),
            ] { #expect(bypass(body, other)?.code == code) }
        }
        let speeds = [#"{"messages":[]}"#, #"{"messages":[],"speed":"fast"}"#, #"{"messages":[],"speed":"standard"}"#]
        expectSame(speeds)
        RefrainKeysTests.expectDistinct(speeds, KeyOptions(keysSpeed: true))
        // Keyed or not, a request without the parameter has one key.
        #expect(RefrainKeysTests.key(speeds[0], KeyOptions(keysSpeed: true)) == RefrainKeysTests.key(speeds[0]))
    }

    @Test func `stream counts where fallback models may take over`() {
        let options = KeyOptions(fallbacks: true)
        let with = #"{"messages":[],"fallbacks":"default"%}"#
        let without = #"{"messages":[],"fallbacks":null%}"#
        let streams = ["", #","stream":true"#, #","stream":false"#]
        RefrainKeysTests.expectDistinct(streams.map { with.replacing("%", with: $0) }, options)
        expectSame(streams.map { without.replacing("%", with: $0) }, options)
        // What is no Boolean is an error for the API to report, and not to be shared with requests that are right.
        RefrainKeysTests.expectDistinct([
            #"{"messages":[]}"#, #"{"messages":[],"stream":1}"#, #"{"messages":[],"stream":"true"}"#,
        ])
    }
}
