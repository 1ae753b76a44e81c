import RefrainCore
import RefrainKeys
import Testing

@testable import Refrain

@Suite(.timeLimit(.minutes(2)))
struct BackPressureTests {
    /// A server that sends without end is held up by a reader that does not read, and nothing is lost.
    @Test func aServerIsHeldUpByAReaderThatDoesNotRead() async throws {
        let total = 32 << 20
        var pattern: [UInt8] = []
        for index in 0..<(total >> 10) {
            pattern.append(contentsOf: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 1_024))
        }
        let sentBytes = pattern
        let stalled = Signal()
        let taken = Locked(0)
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\ncontent-length: \(total)\r\n\r\n")
            let sent = try connection.writeUntilStalled(sentBytes, milliseconds: 300)
            taken.withLock { $0 = sent }
            stalled.set()
            try connection.write(Array(sentBytes[sent...]))
            connection.readToEnd()
        }
        let transport = CurlTransport.direct { $0.bufferBytes = 64 << 10 }
        let response = try await transport.send(HTTPRequest(url: server.url))
        await stalled.wait()
        // What is not here is in the kernel's buffers, which are a few megabytes.
        #expect(taken.withLock { $0 } < 16 << 20)
        var received: [UInt8] = []
        received.reserveCapacity(total)
        var largest = 0
        for try await chunk in response.body {
            largest = max(largest, chunk.count)
            received += chunk
        }
        // The mark, and one read of libcurl's beyond it.
        #expect(largest <= 64 << 10 + 16 << 10)
        let isEqual = received == sentBytes
        #expect(isEqual)
        await transport.shutdown()
    }

    /// Held up and let go many times over, side by side.
    @Test func manySlowReadersShareAThread() async throws {
        let server = try ScriptedServer { connection in
            guard let request = try connection.readRequest() else { return }
            let byte = UInt8(request.target.utf8.last ?? 0)
            try connection.write("HTTP/1.1 200 OK\r\ncontent-length: \(1 << 20)\r\n\r\n")
            try connection.write([UInt8](repeating: byte, count: 1 << 20))
        }
        let transport = CurlTransport.direct { $0.bufferBytes = 16 << 10 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<16 {
                group.addTask {
                    let letter = Character(UnicodeScalar(UInt8(0x61 + index)))
                    let response = try await transport.send(HTTPRequest(url: server.url + "/\(letter)"))
                    var count = 0
                    for try await chunk in response.body {
                        count += chunk.count
                        let isAsSent = chunk == [UInt8](repeating: letter.asciiValue ?? 0, count: chunk.count)
                        #expect(isAsSent)
                        // Others first.
                        for _ in 0..<index { await Task.yield() }
                    }
                    #expect(count == 1 << 20)
                }
            }
            try await group.waitForAll()
        }
        #expect(transport.liveTransfers == 0)
        await transport.shutdown()
    }

    /// A reader that leaves while its server is held up.
    @Test func aHeldTransferIsLetGoOf() async throws {
        let stalled = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\n\r\n")
            _ = try connection.writeUntilStalled([UInt8](repeating: 0, count: 64 << 20), milliseconds: 200)
            stalled.set()
            connection.readToEnd()
        }
        let transport = CurlTransport.direct { $0.bufferBytes = 1_024 }
        do {
            let response = try await transport.send(HTTPRequest(url: server.url))
            await stalled.wait()
            #expect(transport.liveTransfers == 1)
            _ = consume response
        }
        await server.allClosed()
        #expect(transport.liveTransfers == 0)
    }
}
