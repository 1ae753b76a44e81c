import RefrainSimulator
import Testing

@Suite struct FaultTests {
    @Test(arguments: [
        "rate-limit:1", "rate-limit:none", "spend-limit", "overloaded", "error", "error:503", "hang", "hang:3", "reset",
        "reset:0", "truncate:4", "cut:9", "error-event:2", "drip:7/20ms", "delay:1500ms",
    ])
    func `a fault's text is read and written alike`(text: String) throws {
        #expect(try Fault(parsing: text).description == text)
    }

    @Test func `defaults are filled in`() throws {
        #expect(try Fault(parsing: "rate-limit") == .rateLimit(retryAfter: 1))
        #expect(try Fault(parsing: "cut") == .cut(afterEvents: 4))
        #expect(try Fault(parsing: "delay:2s") == .delay(.seconds(2)))
        #expect(try Fault(parsing: "drip") == .drip(bytes: 1, every: .milliseconds(10)))
        #expect(try Fault(parsing: "error:529") == .overloaded)
    }

    @Test(arguments: [
        "", "nothing", "error:200", "error:x", "hang:-1", "cut:", "drip:0/1ms", "drip:5", "delay:5", "delay:-1s",
        "overloaded:1", "spend-limit:2", "rate-limit:soon",
    ])
    func `what is no fault is refused`(text: String) {
        #expect(throws: FaultSyntaxError.self) { try Fault(parsing: text) }
    }

    @Test(arguments: ["overloaded*", "overloaded*x", "overloaded@2", "overloaded/0", "drip:1/1ms/0", "*3"])
    func `what is no rule is refused`(text: String) {
        #expect(throws: FaultSyntaxError.self) { try FaultPlan.Rule(parsing: text) }
    }

    @Test func `rules are read`() throws {
        #expect(try FaultPlan.Rule(parsing: "overloaded") == .every(1, .overloaded))
        #expect(try FaultPlan.Rule(parsing: "overloaded*2") == .first(2, .overloaded))
        #expect(try FaultPlan.Rule(parsing: "reset:3/10") == .every(10, .reset(afterEvents: 3)))
        #expect(try FaultPlan.Rule(parsing: "error:503@0.25") == .rate(0.25, .error(status: 503)))
        #expect(try FaultPlan.Rule(parsing: "drip:1/1ms") == .every(1, .drip(bytes: 1, every: .milliseconds(1))))
        #expect(try FaultPlan.Rule(parsing: "drip:1/1ms/3") == .every(3, .drip(bytes: 1, every: .milliseconds(1))))
    }
}
