import Crypto
import RefrainKeys
import Testing

@testable import RefrainKeys

@Suite struct KeyDeriverTests {
    @Test func `the canonical form of a small request`() {
        #expect(
            canonical(
                #"""
                { "model": "claude-opus-5-5", "max_tokens": 1024.0, "stream": true, "metadata": {"user_id": "u"},
                  "messages": [ {"role": "user", "content": "Gr\u00fc\u00DFe \ud83d\ude00\/"} ] }
                """#)
                == #"{"max_tokens":1024,"messages":[{"content":[{"text":"Grüße 😀/","type":"text"}],"role":"user"}],"model":"claude-opus-5-5"}"#
        )
    }

    @Test func `what is hashed is the preamble and the canonical body, under the scope's key`() throws {
        let body = Array(#"{"model":"m","max_tokens":1,"messages":[]}"#.utf8)
        var context = plainContext
        context.betas = ["b-2, a-1", "pdfs-2024-09-25", "a-1"]
        context.path = "/v1/messages?beta=true"
        let text = try KeyDeriver(context).canonical(body)
        #expect(
            String(decoding: text, as: UTF8.self) == """
                13:refrain-key/1
                origin 25:https://api.anthropic.com
                path 12:/v1/messages
                version 10:2023-06-01
                betas 1:2
                3:a-1
                3:b-2
                user-version 0:
                sample 1:0
                {"max_tokens":1,"messages":[],"model":"m"}
                """)
        let secret = context.scope.secret.withUnsafeBytes { SymmetricKey(data: $0) }
        let code = HMAC<SHA256>.authenticationCode(for: text, using: secret)
        #expect(KeyDeriver(context).derive(body).key == RequestKey(bytes: Array(code)))
    }

    @Test func `what else the scan finds out`() throws {
        let body =
            #"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}]}],"model":"claude-x","stream":true}"#
        guard case .key(let request) = derive(body) else {
            Issue.record("no key")
            return
        }
        #expect(request.isStreaming)
        #expect(request.hasToolUse)
        #expect(try String(decoding: Array(body.utf8)[#require(request.model)], as: UTF8.self) == "claude-x")
        #expect(toolUseIDs(in: Array(body.utf8)) == ["t"])
    }

    @Test func `scopes past the bound of the keyed states still work`() {
        let keys = (0..<KeyedStates.limit + 50).map {
            KeyDeriver(KeyContext(scope: .shared("many-\($0)"))).derive(Array("{}".utf8)).key
        }
        #expect(Set(keys).count == keys.count)
        #expect(KeyDeriver(KeyContext(scope: .shared("many-0"))).derive(Array("{}".utf8)).key == keys[0])
    }
}
