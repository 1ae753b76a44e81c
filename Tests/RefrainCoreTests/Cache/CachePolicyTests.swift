import RefrainKeys
import Testing

@testable import RefrainCore

@Suite struct CachePolicyTests {
    static func code(_ policy: CachePolicy) -> CachePolicyError.Code? {
        do throws(CachePolicyError) {
            try policy.validate()
            return nil
        } catch {
            #expect(!error.message.isEmpty)
            return error.code
        }
    }

    @Test func acceptsWhatIsAllowed() {
        #expect(Self.code(CachePolicy()) == nil)
        #expect(Self.code(CachePolicy(ttl: .zero)) == nil)
        let tags = (0..<CachePolicy.maximumTags).map { "tag \($0)" }
        #expect(Self.code(CachePolicy(tags: tags, version: "v1 é")) == nil)
        #expect(Self.code(CachePolicy(tags: [String(repeating: "x", count: 128 - "tag:".count)])) == nil)
        #expect(Self.code(CachePolicy(version: String(repeating: "x", count: 128 - "version:".count))) == nil)
    }

    @Test func refusesWhatCannotBeObeyed() {
        #expect(Self.code(CachePolicy(ttl: .nanoseconds(-1))) == .negativeDuration)
        #expect(Self.code(CachePolicy(staleWhileRevalidate: .seconds(-1))) == .negativeDuration)
        #expect(Self.code(CachePolicy(staleIfError: .seconds(-1))) == .negativeDuration)
        #expect(Self.code(CachePolicy(sample: -1)) == .negativeSample)
        let tags = (0...CachePolicy.maximumTags).map { "tag \($0)" }
        #expect(Self.code(CachePolicy(tags: tags)) == .tooManyTags)
        #expect(Self.code(CachePolicy(tags: [String(repeating: "x", count: 125)])) == .labelTooLong)
        #expect(Self.code(CachePolicy(tags: [String(repeating: "é", count: 63)])) == .labelTooLong)
        #expect(Self.code(CachePolicy(version: String(repeating: "x", count: 121))) == .labelTooLong)
        #expect(Self.code(CachePolicy(tags: ["a", ""])) == .invalidLabel)
        #expect(Self.code(CachePolicy(tags: ["a\nb"])) == .invalidLabel)
        #expect(Self.code(CachePolicy(version: "\u{7F}")) == .invalidLabel)
    }

    @Test func headerValuesAreThoseOfTheContract() {
        #expect(CacheStatus.hit(.memory, age: .zero).headerValue == "HIT-MEMORY")
        #expect(CacheStatus.hit(.redis, age: .zero).headerValue == "HIT-REDIS")
        #expect(CacheStatus.hit(.disk, age: .zero).headerValue == "HIT-DISK")
        #expect(CacheStatus.joined.headerValue == "JOINED")
        #expect(CacheStatus.stale(age: .seconds(3), .revalidating).headerValue == "STALE")
        #expect(CacheStatus.miss(.absent).headerValue == "MISS")
        #expect(CacheStatus.bypassed(.mode).headerValue == "BYPASS")
        #expect(CacheStatus.miss(.expired).reason == .expired)
        #expect(CacheStatus.joined.reason == nil)
        #expect(CacheStatus.stale(age: .seconds(3), .revalidating).age == .seconds(3))
    }

    @Test func unitsAreWhatTheySay() {
        #expect(Duration.days(7) == .seconds(604_800))
        #expect(Duration.hours(1) == .minutes(60))
    }

    // MARK: Freshness

    static func envelope(created: Int64, freshUntil: Int64, staleUntil: Int64) -> Envelope {
        Envelope(
            key: RequestKey(memoizing: "x", in: "y"), form: .message, created: Timestamp(milliseconds: created),
            freshUntil: Timestamp(milliseconds: freshUntil), staleUntil: Timestamp(milliseconds: staleUntil),
            generation: GenerationStamp(epoch: 1, clock: 1), labels: [], details: .init(), headers: [], body: [])
    }

    @Test func freshUntilTheEarlierOfItsOwnTimeAndTheCallers() {
        let entry = Self.envelope(created: 0, freshUntil: 10_000, staleUntil: 60_000)
        func freshness(_ policy: CachePolicy, _ now: Int64) -> Freshness {
            Freshness.of(entry, by: policy, at: Timestamp(milliseconds: now))
        }
        #expect(freshness(CachePolicy(ttl: .days(1)), 9_999) == .fresh)
        #expect(freshness(CachePolicy(ttl: .days(1)), 10_000) == .expired)
        #expect(freshness(CachePolicy(ttl: .seconds(5)), 4_999) == .fresh)
        #expect(freshness(CachePolicy(ttl: .seconds(5)), 5_000) == .expired)
        let stale = CachePolicy(ttl: .seconds(5), staleWhileRevalidate: .seconds(3))
        #expect(freshness(stale, 5_000) == .staleWhileRevalidate)
        #expect(freshness(stale, 7_999) == .staleWhileRevalidate)
        #expect(freshness(stale, 8_000) == .expired)
        #expect(freshness(CachePolicy(ttl: .seconds(Int64.max)), 9_999) == .fresh, "a huge ttl does not overflow")
        #expect(Freshness.age(of: entry, at: Timestamp(milliseconds: -5)) == .zero)
        let rescue = CachePolicy(ttl: .seconds(5), staleIfError: .seconds(3))
        #expect(Freshness.standsIn(entry, by: rescue, at: Timestamp(milliseconds: 7_999)))
        #expect(!Freshness.standsIn(entry, by: rescue, at: Timestamp(milliseconds: 8_000)))
        #expect(!Freshness.standsIn(entry, by: CachePolicy(), at: Timestamp(milliseconds: 10_001)))
    }

    // MARK: Storability

    static func refusal(
        _ change: (inout MessageSummary) -> Void, _ storable: StorableReasons = .default
    ) -> CacheReason? {
        do {
            var summary = try MessageSummary(
                json: Array(
                    """
                    {"type":"message","model":"m","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn",\
                    "usage":{"input_tokens":1,"output_tokens":1}}
                    """.utf8))
            change(&summary)
            return Storability.refusal(of: summary, storable: storable)
        } catch {
            Issue.record("the sample is JSON: \(error)")
            return nil
        }
    }

    @Test func onlyWholePlainTurnsAreStored() {
        #expect(Self.refusal { _ in } == nil)
        #expect(Storability.refusal(of: nil, storable: .default) == .notAMessage)
        #expect(Self.refusal { $0.isMessage = false } == .notAMessage)
        #expect(Self.refusal { $0.error = APIErrorBody(type: .api, message: "") } == .errorBody)
        #expect(Self.refusal { $0.isEmpty = true } == .emptyContent)
        #expect(Self.refusal { $0.hasServerTools = true } == .serverTools)
        #expect(Self.refusal { $0.hasToolSearch = true } == nil)
        #expect(Self.refusal { $0.hasContainer = true } == .container)
        #expect(Self.refusal { $0.hasFallback = true } == .fallback)
        #expect(Self.refusal { $0.hasMCP = true } == .mcp)
        #expect(Self.refusal { $0.hasCompaction = true } == .compaction)
        #expect(Self.refusal { $0.iterationKinds = ["message"] } == nil)
        #expect(Self.refusal { $0.iterationKinds = ["message", "fallback_message"] } == .iterations)
        #expect(Self.refusal { $0.iterationKinds = ["compaction"] } == .iterations)
    }

    @Test func stopReasonsAreAnAllowList() {
        #expect(Self.refusal { $0.stopReason = nil } == .noStopReason)
        #expect(Self.refusal { $0.stopReason = .stopSequence } == nil)
        #expect(Self.refusal { $0.stopReason = .toolUse } == nil)
        #expect(Self.refusal { $0.stopReason = .maxTokens } == .maxTokens)
        #expect(Self.refusal({ $0.stopReason = .maxTokens }, [.endTurn, .maxTokens]) == nil)
        #expect(Self.refusal({ $0.stopReason = .toolUse }, [.endTurn]) == .policy)
        #expect(Self.refusal { $0.stopReason = .refusal } == .refusal)
        #expect(Self.refusal { $0.stopReason = .pauseTurn } == .pauseTurn)
        #expect(Self.refusal { $0.stopReason = .modelContextWindowExceeded } == .contextWindowExceeded)
        #expect(Self.refusal { $0.stopReason = .compaction } == .compaction)
        #expect(Self.refusal { $0.stopReason = "new_reason" } == .unknownStopReason)
        #expect(Self.refusal({ $0.stopReason = "new_reason" }, StorableReasons(rawValue: .max)) == .unknownStopReason)
    }
}
