import RefrainCore
import RefrainKeys
import RefrainSimulator
import Testing

@Suite struct DeliveryScriptTests {
    private typealias Step = DeliveryScript.Step

    private func script(
        _ body: String, fault: String = "", _ configuration: SimulatorConfiguration = SimulatorConfiguration()
    ) -> (script: DeliveryScript, response: PlannedResponse) {
        var claude = Claude(configuration)
        let response = claude.ask(body, headers: ["x-simulator-fault": fault]).response
        return (DeliveryScript(response, configuration), response)
    }

    private let paced = SimulatorConfiguration(latency: .milliseconds(600), tokensPerSecond: 100)

    private func total(_ steps: [DeliveryScript.Step]) -> Duration {
        steps.reduce(.zero) { sum, step in
            if case .wait(let duration) = step { sum + duration } else { sum }
        }
    }

    @Test func `a plain answer waits for its first token, then for all of them`() throws {
        let (script, response) = self.script(WireClient.request("Hello", maxTokens: 50), self.paced)
        let tokens = try #require(response.usage?.outputTokens)
        #expect(
            script.beforeHead == [
                .wait(.milliseconds(600)), .begin, .wait(.seconds(Double(tokens) / 100)),
            ])
        #expect(script.fromHead == [.head(contentLength: response.body.count), .send(response.body), .finish])
    }

    @Test func `a stream waits for its first token, then between its events`() throws {
        let (script, response) = self.script(WireClient.request("Hello", maxTokens: 50, stream: true), self.paced)
        #expect(script.beforeHead == [.wait(.milliseconds(600)), .begin])
        #expect(script.fromHead.first == .head(contentLength: nil))
        #expect(script.fromHead.last == .finish)
        let pace = self.total(script.fromHead)
        #expect(pace > .milliseconds(100) && pace < .milliseconds(600))
        #expect(script.fromHead.count { if case .send = $0 { true } else { false } } == response.pieces.count)
    }

    @Test func `nothing waits without a pace`() {
        for stream in [true, false] {
            let (script, _) = self.script(WireClient.request("Hello", stream: stream))
            #expect(script.beforeHead == [.begin])
            #expect(self.total(script.fromHead) == .zero)
        }
    }

    @Test func `pings fill a long silence`() {
        var slow = self.paced
        slow.tokensPerSecond = 0.1
        slow.pingInterval = .seconds(10)
        let (script, _) = self.script(WireClient.request("Hello", maxTokens: 3, stream: true), slow)
        let waits = script.fromHead.compactMap { step -> Duration? in
            if case .wait(let duration) = step { duration } else { nil }
        }
        #expect(waits.allSatisfy { $0 <= .seconds(10) })
        #expect(
            script.fromHead.count {
                if case .send(let bytes) = $0 { bytes.starts(with: Array("event: ping".utf8)) } else { false }
            }
                >= 2)
    }

    @Test func `an error does not wait, and begins nothing`() {
        let (script, response) = self.script(WireClient.request("Hello"), fault: "overloaded", self.paced)
        #expect(script.beforeHead == [])
        #expect(script.fromHead == [.head(contentLength: response.body.count), .send(response.body), .finish])
    }

    @Test func `faults before the head have no head`() {
        for (fault, step) in [("hang", Step.hang), ("reset", .reset)] {
            let (script, _) = self.script(WireClient.request("Hello", stream: true), fault: fault, self.paced)
            #expect(script.beforeHead == [step])
            #expect(script.fromHead == [])
        }
    }

    @Test func `a delay comes before all else`() {
        let (script, _) = self.script(WireClient.request("Hello"), fault: "delay:2s", self.paced)
        #expect(script.beforeHead.prefix(2) == [.wait(.seconds(2)), .wait(.milliseconds(600))])
    }

    @Test func `a drip is sent in small pieces with pauses`() {
        let (script, response) = self.script(WireClient.request("Hello"), fault: "drip:7/20ms")
        let sent = script.fromHead.compactMap { step -> [UInt8]? in
            if case .send(let bytes) = step { bytes } else { nil }
        }
        #expect(sent.allSatisfy { $0.count <= 7 })
        #expect(Array(sent.joined()) == response.body)
        #expect(self.total(script.fromHead) == .milliseconds(20) * sent.count)
    }
}
