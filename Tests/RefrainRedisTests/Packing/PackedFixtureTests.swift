import Foundation
import RefrainCore
import RefrainKeys
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

/// One file for every form of an envelope that was ever released. A file is never changed: what it holds must stay
/// readable. That of an envelope as it is, is read in the tests of the core.
@Suite struct PackedFixtureTests {
    /// The key that sealed the files: the bytes from 0 to 31.
    private let sealing = Result { Sealing(key: try SealingKey(bytes: 0..<32)) }

    @Test func readsCodec1() throws {
        let bytes = try self.fixture("envelope-v1-deflate.bin")
        #expect(bytes[5] == 1)
        try self.expectRead(bytes, by: EnvelopePacker())
        // Another version of zlib may write it differently, yet for every reader alike.
        try self.expectRead(EnvelopePacker().pack(self.envelope), by: EnvelopePacker())
    }

    @Test func readsCodec128() throws {
        let sealing = try self.sealing.get()
        let bytes = try self.fixture("envelope-v1-sealed.bin")
        #expect(bytes[5] == 128)
        try self.expectRead(bytes, by: EnvelopePacker(sealing: sealing))
        // With the nonce that it has, it is written alike.
        let packer = PackingSamples.packer(compression: .off, sealing: sealing)
        #expect(try packer.pack(self.envelope) == bytes)
    }

    @Test func readsCodec1InCodec128() throws {
        let bytes = try self.fixture("envelope-v1-sealed-deflate.bin")
        #expect(bytes[5] == 128)
        try self.expectRead(bytes, by: EnvelopePacker(sealing: self.sealing.get()))
    }

    private func expectRead(
        _ bytes: [UInt8], by packer: EnvelopePacker, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(EnvelopePacker.totalBytes(ofPrefix: Array(bytes.prefix(256))) == bytes.count)
        let read = try packer.unpack(bytes, for: self.envelope.key)
        #expect(
            try PackingSamples.content(of: read) == PackingSamples.content(of: self.envelope),
            sourceLocation: sourceLocation)
    }

    /// What the files hold. Spelt out, so that no change elsewhere reaches it.
    private let envelope = PackingSamples.envelope(
        body: Array(
            #"""
            {"model":"claude-sonnet-4-5-20250929","id":"msg_01FixtureFixtureFixtureF","type":"message","role":"assistant",\#
            "content":[{"type":"text","text":"The tide comes in twice a day."},{"type":"tool_use","id":"toolu_01A",\#
            "name":"get_tide","input":{"place":"Saint-Malo"}}],"stop_reason":"tool_use","stop_sequence":null,\#
            "usage":{"input_tokens":11,"cache_creation_input_tokens":0,"cache_read_input_tokens":33,\#
            "cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":22,\#
            "service_tier":"standard"}}
            """#.utf8))

    private func fixture(_ name: String) throws -> [UInt8] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return Array(try Data(contentsOf: tests.appending(components: "Fixtures", "Envelopes", name)))
    }
}
