import HTTPTypes
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Refrain
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainGateway

/// What is answered on the event loop, and what is handed on to the server, part by part.
@Suite struct MemoryAnswersTests {
    private let state: GatewayState

    init() async throws {
        self.state = try GatewayState(
            GatewayConfiguration(port: 0, upstream: "https://upstream.test"),
            cache: ResponseCache(memory: MemoryStore()),
            transport: RecordingTransport(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            time: .system)
        try await self.store("known")
    }

    private static func head(_ body: String, _ more: HTTPFields = [:]) -> RequestHead {
        var fields: HTTPFields = [.init("x-api-key")!: "sk-test", .contentLength: String(body.utf8.count)]
        fields.append(contentsOf: more)
        return RequestHead(method: .post, scheme: "http", authority: "h", path: "/v1/messages", headerFields: fields)
    }

    /// Makes memory hold the answer to a question.
    private func store(_ text: String) async throws {
        let head = try Question.Head(Self.head("").headerFields, self.state)
        var record = RequestRecord(time: self.state.time.now())
        let question = try Question(head, Array(GatewayFixture.question(text).utf8), self.state, &record)
        guard case .keyed(let keyed, let caller) = question.key else {
            Issue.record("the question has no key")
            return
        }
        let request = CacheRequest(
            key: keyed.key, policy: question.policy, credential: caller.credential, model: record.model, bodyBytes: 0)
        let upstream = ScriptedUpstream(message: SampleMessage.json("from memory"))
        _ = try await self.state.cache.respond(to: request) { try await upstream.call($0) }
    }

    /// A connection, from its first part to its end: what came back, and what the server got to see.
    private final class Connection {
        let channel: EmbeddedChannel
        let isOutOfMemory: Bool

        init(_ state: GatewayState, isOutOfMemory: Bool = false) throws {
            self.isOutOfMemory = isOutOfMemory
            let cache = state.cache
            self.channel = EmbeddedChannel(
                handler: MemoryAnswers(GatewayResponder(state)) { isOutOfMemory ? nil : cache.reserve($0) })
            try self.channel.connect(to: SocketAddress(unixDomainSocketPath: "/test")).wait()
        }

        func send(_ parts: HTTPRequestPart...) throws {
            for part in parts { self.channel.pipeline.fireChannelRead(part) }
            self.channel.pipeline.fireChannelReadComplete()
        }

        func ask(_ text: String, _ more: HTTPFields = [:]) throws {
            let body = GatewayFixture.question(text)
            try self.send(.head(MemoryAnswersTests.head(body, more)), .body(ByteBuffer(string: body)), .end(nil))
        }

        /// What was written to the client since the last look.
        func answers() throws -> [String] {
            var seen: [String] = []
            while let part = try self.channel.readOutbound(as: HTTPResponsePart.self) {
                switch part {
                case .head(let head): seen.append("\(head.status.code)")
                case .body(let bytes): seen.append(String(buffer: bytes).contains("from memory") ? "answer" : "?")
                case .end: seen.append("end")
                }
            }
            return seen
        }

        /// What was handed on since the last look.
        func handedOn() throws -> [String] {
            var seen: [String] = []
            while let part = try self.channel.readInbound(as: HTTPRequestPart.self) {
                switch part {
                case .head: seen.append("head")
                case .body(let bytes): seen.append("body \(bytes.readableBytes)")
                case .end: seen.append("end")
                }
            }
            return seen
        }
    }

    private static let whole = ["200", "answer", "end"]
    private static func parts(_ text: String) -> [String] {
        ["head", "body \(GatewayFixture.question(text).utf8.count)", "end"]
    }

    @Test func whatIsKnownIsAnsweredAndCounted() throws {
        let connection = try Connection(self.state)
        try connection.ask("known")
        try connection.ask("known")
        #expect(try connection.answers() == Self.whole + Self.whole)
        #expect(try connection.handedOn().isEmpty)
        #expect(self.state.ledger.withLock { $0[.hitMemory] } == 2)
    }

    @Test func whatIsNotKnownIsHandedOnWholeAndNotCounted() throws {
        let connection = try Connection(self.state)
        try connection.ask("unknown")
        #expect(try connection.handedOn() == Self.parts("unknown"))
        #expect(try connection.answers().isEmpty)
        #expect(self.state.ledger.withLock { $0.totals.requests } == 0)
    }

    @Test(
        arguments: [
            [.contentEncoding: "gzip"], [.transferEncoding: "chunked"], [.connection: "close"],
            [.init("x-refrain-ttl")!: "soon"], [.cacheControl: "no-cache"], [.init("x-api-key")!: "another"],
        ] as [HTTPFields])
    func whatAsksForMoreIsHandedOn(_ fields: HTTPFields) throws {
        let connection = try Connection(self.state)
        try connection.ask("known", fields)
        #expect(try connection.handedOn() == Self.parts("known"))
        #expect(try connection.answers().isEmpty)
    }

    /// An answer must not overtake the one that the server still owes.
    @Test func nothingIsAnsweredOutOfOrder() throws {
        let connection = try Connection(self.state)
        try connection.ask("unknown")
        try connection.ask("known")
        #expect(try connection.handedOn() == Self.parts("unknown") + Self.parts("known"))
        for _ in 0..<2 {
            connection.channel.write(HTTPResponsePart.head(ResponseHead(status: .accepted)), promise: nil)
            connection.channel.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
        }
        try connection.ask("known")
        #expect(try connection.answers() == ["202", "end", "202", "end"] + Self.whole)
    }

    @Test func aBodyInPiecesIsWaitedFor() throws {
        let connection = try Connection(self.state)
        let body = GatewayFixture.question("known")
        try connection.send(.head(Self.head(body)))
        #expect(try connection.handedOn().isEmpty)
        for byte in body.utf8.dropLast() { try connection.send(.body(ByteBuffer(bytes: [byte]))) }
        #expect(try connection.answers().isEmpty)
        try connection.send(.body(ByteBuffer(string: "}")), .end(nil))
        #expect(try connection.answers() == Self.whole)
        try connection.ask("known")
        #expect(try connection.answers() == Self.whole)
    }

    @Test func aBodyThatThereIsNoMemoryForIsHandedOnAtOnce() throws {
        let connection = try Connection(self.state, isOutOfMemory: true)
        let body = GatewayFixture.question("known")
        try connection.send(.head(Self.head(body)), .body(ByteBuffer(string: "{")))
        #expect(try connection.handedOn() == ["head", "body 1"])
        try connection.send(.body(ByteBuffer(string: String(body.dropFirst()))), .end(nil))
        #expect(try connection.handedOn() == ["body \(body.utf8.count - 1)", "end"])
        #expect(try connection.answers().isEmpty)
    }

    /// The server sees what it would have seen: a shutdown waits for a request that has begun.
    @Test func whatEndsAConnectionComesAfterItsRequest() throws {
        let connection = try Connection(self.state)
        try connection.send(.head(Self.head("{}")), .body(ByteBuffer(string: "{")))
        connection.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(try connection.handedOn() == ["head", "body 1"])
        let other = try Connection(self.state)
        try other.send(.head(Self.head("{}")))
        other.channel.pipeline.fireChannelInactive()
        #expect(try other.handedOn() == ["head"])
    }

    @Test func aClientThatReadsNothingIsLeftToTheServer() throws {
        let connection = try Connection(self.state)
        connection.channel.isWritable = false
        try connection.ask("known")
        #expect(try connection.handedOn() == Self.parts("known"))
    }
}
