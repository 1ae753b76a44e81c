import NIOCore
import Testing

@testable import RefrainGateway

/// Clients that take what they are sent more slowly than it is written.
@Suite(.timeLimit(.minutes(1))) struct SlowReaderTests {
    private static let request = "GET / HTTP/1.1\r\nhost: h\r\n\r\n"
    private static let long = Duration.seconds(3_600)

    @Test func whatIsWrittenIsTakenBeforeTheServerCloses() async throws {
        try await GuardedServer.with(idle: Self.long, stall: Self.long, closes: true) { server in
            let count = try await server.exchange(Self.request)
            #expect(count > GuardedServer.bodyBytes)
        }
    }

    /// As the server does in a shutdown, when it counts no request.
    @Test func whatIsWrittenIsTakenBeforeAnyoneElseCloses() async throws {
        try await GuardedServer.with(idle: Self.long, stall: Self.long) { server in
            let count = try await server.exchange(Self.request) { connection in
                try await Self.waitForAnAnswer(connection)
                connection.close(promise: nil)
            }
            #expect(count > GuardedServer.bodyBytes)
        }
    }

    /// What the client asked for is answered, and most of it waits.
    private static func waitForAnAnswer(_ connection: any Channel) async throws {
        while try await connection.getOption(.bufferedWritableBytes).get() == 0 { await Task.yield() }
    }

    @Test(arguments: [false, true]) func aClientThatTakesNothingIsCutOff(_ closes: Bool) async throws {
        try await GuardedServer.with(idle: Self.long, stall: .milliseconds(100), closes: closes) { server in
            let count = try await server.exchange(Self.request) { try await $0.closeFuture.get() }
            #expect(count < GuardedServer.bodyBytes)
        }
    }

    @Test func aClientThatGoesOnTakingIsNotCutOff() async throws {
        try await GuardedServer.with(idle: .milliseconds(150), stall: .milliseconds(500)) { server in
            let count = try await server.exchange(Self.request, pausing: .milliseconds(20))
            #expect(count > GuardedServer.bodyBytes, "and it is closed as idle afterwards")
        }
    }

    @Test func aBodyThatStandsStillIsLateHoweverLongAConnectionMayBeIdle() async throws {
        try await GuardedServer.with(idle: Self.long, stall: .milliseconds(100)) { server in
            let answer = try await RawConnection.exchange(
                server.port, "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n{")
            #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
        }
    }
}
