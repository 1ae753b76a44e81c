import NIOCore
import RefrainCore
import RefrainGateway
import RefrainKeys
import Testing

@Suite(.timeLimit(.minutes(1))) struct StartTests {
    private struct Stop: Error {}

    private func isShutDown(_ cache: ResponseCache) async -> Bool {
        do {
            let request = CacheRequest(key: RequestKey(memoizing: "anything", in: "start"))
            _ = try await cache.respond(to: request) { _ in throw Stop() }
            return false
        } catch {
            return (error as? CacheError)?.code == .closed
        }
    }

    @Test func aPortThatIsTakenIsAnError() async throws {
        try await GatewayFixture.with(RecordingTransport()) { taken in
            let cache = ResponseCache(memory: MemoryStore())
            await #expect(throws: IOError.self) {
                try await GatewayFixture.with(RecordingTransport(), cache: cache, { $0.port = taken.port }) { _ in
                    Issue.record("it listens on a port that is taken")
                }
            }
            #expect(await self.isShutDown(cache))
            #expect(await !self.isShutDown(taken.cache))
        }
    }

    @Test func aConfigurationThatCannotBeRightIsAnError() async throws {
        let cache = ResponseCache(memory: MemoryStore())
        await #expect(throws: GatewayConfigurationError.self) {
            try await GatewayFixture.withTransport(RecordingTransport(), cache: cache, upstream: "nonsense") { _ in }
        }
        #expect(await self.isShutDown(cache))
    }

    @Test func whatFailsMeanwhileEndsTheGateway() async throws {
        let cache = ResponseCache(memory: MemoryStore())
        await #expect(throws: Stop.self) {
            try await GatewayFixture.with(RecordingTransport(), cache: cache) { _ in throw Stop() }
        }
        #expect(await self.isShutDown(cache))
    }
}
