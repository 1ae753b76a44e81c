import RefrainCore
import RefrainKeys
import Testing

@testable import RefrainGateway

@Suite struct LedgerTests {
    private func record(_ result: RequestRecord.Result, at second: Int64, model: String = "m") -> RequestRecord {
        var record = RequestRecord(time: Timestamp(milliseconds: second * 1_000))
        record.result = result
        record.model = model
        record.reason = result == .miss ? "absent" : nil
        record.nanoseconds = 1_000_000
        return record
    }

    @Test func theSeriesHoldsAnHour() {
        var ledger = GatewayLedger()
        for second in stride(from: Int64(0), to: 7_200, by: 5) { ledger.add(self.record(.hitMemory, at: second)) }
        let series = ledger.series(until: Timestamp(milliseconds: 7_199_000))
        #expect(series.count == 360 && series.first?.number == 360 && series.allSatisfy { $0.results[0] == 2 })
        #expect(ledger.totals.requests == 1_440 && ledger.totals.saved == 1_440)
        #expect(ledger.series(until: Timestamp(milliseconds: 12_000_000)).isEmpty)
    }

    @Test func aClockThatIsSetBackLosesNothing() {
        var ledger = GatewayLedger()
        ledger.add(self.record(.miss, at: 100))
        ledger.add(self.record(.miss, at: 50))
        #expect(
            ledger[.miss] == 2 && ledger.series(until: Timestamp(milliseconds: 100_000)).map { $0.results[5] } == [2])
    }

    @Test func tablesAreBoundedAndNothingIsLeftOut() {
        var ledger = GatewayLedger()
        for number in 0..<1_000 { ledger.add(self.record(.miss, at: 1, model: "model-\(number)")) }
        #expect(ledger.models.count == 201)
        #expect(ledger.models.values.reduce(0) { $0 + $1.requests } == 1_000)
        #expect(ledger.models[GatewayLedger.others]?.requests == 800)
        #expect(ledger.newest.count == 100 && ledger.newest.first?.model == "model-999")
        #expect(ledger.newest.last?.model == "model-900")
        #expect(ledger.reasons[.miss] == ["absent": 1_000])
    }

    @Test func quantilesLieInTheirBuckets() {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        for _ in 0..<90 { histogram.add(nanoseconds: 80_000) }
        for _ in 0..<10 { histogram.add(nanoseconds: 2_000_000_000) }
        let median = histogram.quantile(0.5) ?? 0
        #expect(median > 0.000_05 && median <= 0.000_1)
        let tail = histogram.quantile(0.99) ?? 0
        #expect(tail > 1 && tail <= 2.5)
        histogram.add(nanoseconds: .max)
        #expect(histogram.quantile(1) == 600 && histogram.count == 101)
    }

    @Test func aStreamsTokensAreReadFromItsEvents() throws {
        var meter = UsageMeter()
        let events = [
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\","
                + "\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],\"stop_reason\":null,"
                + "\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"cache_read_input_tokens\":3,\"output_tokens\":1}}}\n\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                + "\"usage\":{\"output_tokens\":40}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ]
        for event in events { meter.read(Array(event.utf8)) }
        #expect(meter.usage == Usage(inputTokens: 12, outputTokens: 40, cacheReadTokens: 3))
        #expect(meter.model == "claude-sonnet-4-5")
        meter.read(Array("event: message_delta\ndata: {broken".utf8))
        #expect(meter.usage?.outputTokens == 40)
    }
}
