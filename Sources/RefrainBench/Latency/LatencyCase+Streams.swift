import RefrainCore
import RefrainKeys

extension LatencyCase {
    /// Server-sent events: cut from bytes as they come from the network, made a message, and told again.
    static func streams() throws -> [LatencyCase] {
        let stream = try SampleAnswer.stream(deltas: 1_000)
        let chunks = stride(from: 0, to: stream.count, by: 16_384).map { start in
            Array(stream[start..<min(start + 16_384, stream.count)])
        }
        // One delta for each 20 bytes or so, and the five events around them.
        let eventCount = 1_005
        let message = SampleAnswer.message(bytes: 2_048)
        let replayed = try MessageReplayer.stream(for: message)
        return [
            LatencyCase(
                .streams, "frame \(eventCount) events, \(stream.count >> 10) KB", bytes: stream.count,
                reference: .lineEnds(chunks), aim: .throughput(500e6)
            ) { count in
                for _ in 0..<count {
                    guard try Self.events(chunks).count == eventCount else { throw wrong("another number of events") }
                }
            },
            LatencyCase(
                .streams, "assemble \(eventCount) events, framed already", bytes: stream.count,
                reference: .lineEnds(chunks)
            ) { [events = try Self.events(chunks)] count in
                for _ in 0..<count {
                    var assembler = MessageAssembler()
                    for event in events { assembler.consume(event) }
                    guard case .message = assembler.finish() else { throw wrong("no message") }
                }
            },
            LatencyCase(
                .streams, "replay a 2 KB message", bytes: message.count, reference: .hash(message), aim: .median(5_000)
            ) { count in
                for _ in 0..<count {
                    guard try MessageReplayer.stream(for: message).count == replayed.count else {
                        throw wrong("another stream")
                    }
                }
            },
        ]
    }

    private static func events(_ chunks: [[UInt8]]) throws -> [ServerSentEvent] {
        var parser = SSEParser()
        var events: [ServerSentEvent] = []
        for chunk in chunks { try parser.feed(chunk, into: &events) }
        return events
    }

    /// What stores hold, made of an answer and read again.
    static func envelopes() throws -> [LatencyCase] {
        let codec = EnvelopeCodec()
        let key = RequestKey(memoizing: "envelope", in: "benchmark")
        return try [("2 KB", 2_048), ("64 KB", 65_536)].flatMap { size, bytes in
            let envelope = SampleAnswer.envelope(
                key, SampleAnswer.message(bytes: bytes), generation: GenerationTracker().stamp())
            let encoded = try codec.encode(envelope)
            return [
                LatencyCase(
                    .envelopes, "encode, \(size)", bytes: encoded.count, reference: .hash(encoded)
                ) { count in
                    for _ in 0..<count {
                        guard try codec.encode(envelope).count == encoded.count else { throw wrong("other bytes") }
                    }
                },
                LatencyCase(
                    .envelopes, "decode, \(size)", bytes: encoded.count, reference: .hash(encoded)
                ) { count in
                    for _ in 0..<count {
                        guard try codec.decode(encoded, for: key).body.count == envelope.body.count else {
                            throw wrong("another body")
                        }
                    }
                },
            ]
        }
    }
}

extension LatencyCase.Reference {
    /// A count of the line feeds in the same bytes, which is the least that framing must do.
    static func lineEnds(_ chunks: [[UInt8]]) -> Self {
        @Sendable func count() -> Int {
            chunks.reduce(0) { sum, chunk in chunk.reduce(into: sum) { if $1 == 0x0A { $0 += 1 } } }
        }
        let expected = count()
        return Self("counting line feeds") { rounds in
            for _ in 0..<rounds {
                guard count() == expected else { throw LatencyCase.wrong("another number of lines") }
            }
        }
    }
}
