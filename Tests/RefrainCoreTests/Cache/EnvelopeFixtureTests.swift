import Foundation
import RefrainCore
import Testing

/// One file for every version of the envelope ever released. A file is never changed: what it holds must stay readable.
@Suite struct EnvelopeFixtureTests {
    @Test func readsVersion1AndWritesItAlike() throws {
        let bytes = try self.fixture("envelope-v1.bin")
        let codec = EnvelopeCodec()
        expectSame(try codec.decode(bytes, for: sampleKey(1)), richEnvelope())
        #expect(try codec.encode(richEnvelope()) == bytes)
    }

    private func fixture(_ name: String) throws -> [UInt8] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return Array(try Data(contentsOf: tests.appending(components: "Fixtures", "Envelopes", name)))
    }
}
