import RefrainCore
import RefrainKeys
import RefrainSimulator
import Testing

/// Faults as a client sees them on the wire.
@Suite struct FaultDeliveryTests {
    private let plain = WireClient.request("Hello")
    private let stream = WireClient.request("[[simulate words=60]]", stream: true)

    @Test func `errors of status come with their headers`() async throws {
        try await Simulator.withServer { simulator in
            func send(_ fault: String) async throws -> WireResponse {
                try await WireClient.send(to: simulator.port, headers: ["x-simulator-fault": fault], body: self.plain)
            }
            let limited = try await send("rate-limit:7")
            #expect(limited.status == 429)
            #expect(limited.headers["retry-after"] == "7")
            #expect(limited.headers["x-should-retry"] == "true")
            #expect(limited.headers["anthropic-ratelimit-requests-remaining"] == "0")
            #expect(try limited.json["error"]?["type"]?.string == "rate_limit_error")
            #expect(try await send("rate-limit:none").headers["retry-after"] == nil)
            let spent = try await send("spend-limit")
            #expect(spent.status == 429)
            #expect(spent.headers["retry-after"] == nil)
            #expect(spent.headers["x-should-retry"] == "false")
            #expect(try spent.json["error"]?["details"]?["error_code"]?.string == "enforced_spend_limit_reached")
            for (fault, status, type) in [
                ("error", 500, "api_error"), ("overloaded", 529, "overloaded_error"),
                ("error:504", 504, "timeout_error"),
                ("error:403", 403, "permission_error"), ("error:402", 402, "billing_error"),
            ] {
                let response = try await send(fault)
                #expect(response.status == status)
                #expect(try response.json["error"]?["type"]?.string == type)
                #expect(response.isComplete)
            }
            #expect(try await send("nonsense").status == 400)
            #expect(simulator.statistics.faults["overloaded"] == 1)
            #expect(simulator.statistics.answers == 0)
        }
    }

    @Test func `planned and injected faults strike in order`() async throws {
        let faults = FaultPlan([.every(3, .internalError)])
        try await Simulator.withServer(SimulatorConfiguration(faults: faults)) { simulator in
            simulator.inject(.first(1, .overloaded))
            var statuses: [Int] = []
            for _ in 0..<7 { statuses.append(try await WireClient.send(to: simulator.port, body: self.plain).status) }
            #expect(statuses == [529, 200, 200, 500, 200, 200, 500])
            #expect(simulator.statistics.errors == [529: 1, 500: 2])
        }
    }

    @Test func `a share of the requests is struck, the same ones under the same seed`() async throws {
        func struck(_ seed: UInt64) async throws -> [Int] {
            let faults = FaultPlan([.rate(0.3, .overloaded)])
            return try await Simulator.withServer(SimulatorConfiguration(seed: seed, faults: faults)) { simulator in
                var statuses: [Int] = []
                for _ in 0..<40 {
                    statuses.append(try await WireClient.send(to: simulator.port, body: self.plain).status)
                }
                return statuses
            }
        }
        let first = try await struck(1)
        #expect((4...22).contains(first.count { $0 == 529 }))
        #expect(try await struck(1) == first)
        #expect(try await struck(2) != first)
    }

    @Test func `a truncated stream ends as if it were complete`() async throws {
        try await Simulator.withServer { simulator in
            let response = try await WireClient.send(
                to: simulator.port, headers: ["x-simulator-fault": "truncate:6"], body: self.stream)
            #expect(response.status == 200)
            #expect(response.isComplete)
            #expect(try response.events.count == 6)
            #expect(!response.text.contains("message_stop"))
            let body = try await WireClient.send(
                to: simulator.port, headers: ["x-simulator-fault": "truncate"], body: self.plain)
            #expect(body.isComplete)
            #expect(throws: JSONError.self) { try body.json }
        }
    }

    @Test func `a cut ends the connection in the middle`() async throws {
        try await Simulator.withServer { simulator in
            for body in [self.stream, self.plain] {
                let response = try await WireClient.send(
                    to: simulator.port, headers: ["x-simulator-fault": "cut:6"], body: body)
                #expect(response.status == 200)
                #expect(!response.isComplete)
                #expect(response.end == .closed)
                #expect(!response.body.isEmpty)
            }
            #expect(simulator.statistics.unfinished == 2)
        }
    }

    @Test func `a reset is a reset`() async throws {
        try await Simulator.withServer { simulator in
            for (fault, body, status) in [
                ("reset", self.plain, 0), ("reset", self.stream, 0), ("reset:3", self.stream, 200),
                ("reset:1", self.plain, 200),
            ] {
                let response = try await WireClient.send(
                    to: simulator.port, headers: ["x-simulator-fault": fault], body: body)
                #expect(response.status == status)
                #expect(!response.isComplete)
                #expect(response.end == .reset, "\(fault)")
            }
        }
    }

    @Test func `an error event ends the stream`() async throws {
        try await Simulator.withServer { simulator in
            let response = try await WireClient.send(
                to: simulator.port, headers: ["x-simulator-fault": "error-event:5"], body: self.stream)
            #expect(response.isComplete)
            let events = try response.events
            #expect(events.count == 6)
            #expect(events.last?.name == "error")
            #expect(events.last?.data["error"]?["type"]?.string == "overloaded_error")
            #expect(events.last?.data["request_id"]?.string == response.headers["request-id"])
        }
    }

    @Test func `a hang lasts until the client leaves`() async throws {
        try await Simulator.withServer { simulator in
            let response = try await WireClient.send(
                to: simulator.port, headers: ["x-simulator-fault": "hang:3"], body: self.stream
            ) { received in
                String(decoding: received, as: UTF8.self).components(of: "event: ") < 3
            }
            #expect(try response.events.count == 3)
            #expect(!response.isComplete)
            // The next call is answered, whatever hangs beside it.
            #expect(try await WireClient.send(to: simulator.port, body: self.plain).status == 200)
        }
    }

    @Test func `a server that hangs before the head can be stopped`() async throws {
        let response = try await withThrowingTaskGroup(of: WireResponse?.self) { group in
            try await Simulator.withServer { simulator in
                let (arrived, continuation) = AsyncStream.makeStream(of: Void.self)
                group.addTask {
                    try await WireClient.send(
                        to: simulator.port, headers: ["x-simulator-fault": "hang"], body: WireClient.request("Hello"))
                }
                group.addTask {
                    while simulator.statistics.inProgress == 0 { await Task.yield() }
                    continuation.finish()
                    return nil
                }
                for await _ in arrived {}
            }
            var response: WireResponse?
            for try await result in group { response = result ?? response }
            return response
        }
        #expect(response?.status == 0)
    }

    @Test func `a drip arrives whole`() async throws {
        try await Simulator.withServer { simulator in
            for body in [self.stream, self.plain] {
                let response = try await WireClient.send(
                    to: simulator.port, headers: ["x-simulator-fault": "drip:100/0ms"], body: body)
                #expect(response.isComplete)
                #expect(response.body.count > 300)
            }
        }
    }

    @Test func `token counts are struck too`() async throws {
        try await Simulator.withServer { simulator in
            let body = #"{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"Hello"}]}"#
            func send(_ fault: String) async throws -> WireResponse {
                try await WireClient.send(
                    to: simulator.port, "POST", "/v1/messages/count_tokens", headers: ["x-simulator-fault": fault],
                    body: body)
            }
            let counted = try await send("")
            #expect(try counted.json["input_tokens"]?.int == 8)
            #expect(try await send("overloaded").status == 529)
            #expect(try await send("reset").end == .reset)
            #expect(simulator.statistics.countTokensCalls == 3)
        }
    }
}
