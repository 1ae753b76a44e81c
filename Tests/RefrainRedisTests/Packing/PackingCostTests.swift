import Foundation
import RefrainCore
import RefrainKeys
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

/// Measures, and asserts nothing about time. Skipped unless asked for, since figures are of a release build only:
/// `REFRAIN_MEASURE=1 swift test -c release -Xswiftc -enable-testing --filter PackingCostTests`
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["REFRAIN_MEASURE"] != nil))
struct PackingCostTests {
    private let time = TimeSource.system
    private static let limits = [512, 1_024, 2_048, 4_096, 16_384, .max]

    @Test(.enabled(if: RecordedResponses.areThere, "needs the recorded responses in ../shared"))
    func recordedResponses() throws {
        let bodies = try RecordedResponses.bodies()
        #expect(bodies.count > 300)
        for form in PackedForm.allCases {
            let packer = try form.packer()
            var lower = 0
            for limit in Self.limits {
                defer { lower = limit }
                let chosen = bodies.filter { $0.count >= lower && $0.count < limit }
                guard !chosen.isEmpty else { continue }
                try self.report("\(form.rawValue), \(lower) to \(limit == .max ? "any" : "\(limit)") B", chosen, packer)
            }
        }
    }

    @Test func largeBodies() throws {
        for form in PackedForm.allCases {
            let packer = try form.packer()
            let text = Array(String(repeating: "All work and no play makes a dull day. ", count: 26_000).utf8)
            try self.report("\(form.rawValue), 1 MB of a repeated text", [text], packer)
            try self.report("\(form.rawValue), 1 MB of random bytes", [.init(random: 1 << 20)], packer)
        }
    }

    private func report(_ name: String, _ bodies: [[UInt8]], _ packer: EnvelopePacker) throws {
        let envelopes = bodies.map { PackingSamples.envelope(body: $0) }
        let packed = try envelopes.map { try packer.pack($0) }
        let key = PackingSamples.key(1)
        let raw = bodies.reduce(0) { $0 + $1.count }
        let whole = try envelopes.reduce(0) { try $0 + EnvelopeCodec().encode($1).count }
        let total = packed.reduce(0) { $0 + $1.count }
        let stored = raw - (whole - total)
        let rounds = max(1, 20_000_000 / raw)
        var start = self.time.monotonicNanoseconds()
        var bytes = 0
        for _ in 0..<rounds { for envelope in envelopes { bytes += try packer.pack(envelope).count } }
        let packing = self.time.monotonicNanoseconds() - start
        start = self.time.monotonicNanoseconds()
        for _ in 0..<rounds { for value in packed { bytes += try packer.unpack(value, for: key).body.count } }
        let unpacking = self.time.monotonicNanoseconds() - start
        #expect(bytes == rounds * (total + raw))
        func figure(_ value: Double) -> String { String(format: "%.2f", value) }
        func each(_ nanoseconds: UInt64) -> String {
            figure(Double(nanoseconds) / Double(rounds * bodies.count) / 1_000)
        }
        print(
            """
            \(name) (\(bodies.count)): body x \(figure(Double(raw) / Double(max(1, stored)))), \
            whole x \(figure(Double(whole) / Double(total))), pack \(each(packing)) us, unpack \(each(unpacking)) us
            """)
    }
}

extension [UInt8] {
    /// Random bytes that no seed repeats.
    fileprivate init(random count: Int) {
        var generator = SystemRandomNumberGenerator()
        self = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
