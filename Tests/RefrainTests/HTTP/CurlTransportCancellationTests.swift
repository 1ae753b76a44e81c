import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import Refrain

/// A caller may leave at any point, and a transport may be shut down at any point; nothing is left over.
@Suite(.timeLimit(.minutes(2)))
struct CurlTransportCancellationTests {
    private static func isCancelled(_ task: Task<CollectedResponse, any Error>) async -> Bool {
        if case .failure(let error as TransportError) = await task.result { error.code == .cancelled } else { false }
    }

    @Test func beforeItBegins() async throws {
        let server = try ScriptedServer { _ in }
        let transport = CurlTransport.direct()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await transport.collect(HTTPRequest(url: server.url))
        }
        #expect(await Self.isCancelled(task))
        #expect(server.accepted == 0)
    }

    @Test func whileItConnects() async throws {
        let reached = Signal()
        let server = try ScriptedServer { connection in
            reached.set()
            connection.readToEnd()
        }
        let transport = CurlTransport.direct()
        let url = "https://127.0.0.1:\(server.port)/"
        let task = Task { try await transport.collect(HTTPRequest(url: url)) }
        await reached.wait()
        task.cancel()
        #expect(await Self.isCancelled(task))
        #expect(transport.liveTransfers == 0)
        await server.allClosed()
    }

    @Test func whileItWaits() async throws {
        let reached = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            reached.set()
            connection.readToEnd()
        }
        let transport = CurlTransport.direct()
        let task = Task { try await transport.collect(HTTPRequest(url: server.url)) }
        await reached.wait()
        task.cancel()
        #expect(await Self.isCancelled(task))
        #expect(transport.liveTransfers == 0)
        await server.allClosed()
    }

    @Test func whileItUploads() async throws {
        let reached = Signal()
        let stopped = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            reached.set()
            connection.readToEnd()
        }
        let stream = ByteStream {
            try await withTaskCancellationHandler {
                try await Task.sleep(for: .seconds(3_600))
            } onCancel: {
                stopped.set()
            }
            return [1]
        }
        let transport = CurlTransport.direct()
        let task = Task {
            try await transport.collect(
                HTTPRequest(method: "POST", url: server.url, body: .stream(stream, length: nil)))
        }
        await reached.wait()
        task.cancel()
        #expect(await Self.isCancelled(task))
        await stopped.wait()
        #expect(transport.liveTransfers == 0)
        await server.allClosed()
    }

    @Test func whileTheBodyIsRead() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            try connection.writeChunk("data: 1\n\n")
            connection.readToEnd()
        }
        let transport = CurlTransport.direct()
        let response = try await transport.send(HTTPRequest(url: server.url))
        let first = Signal()
        let task = Task {
            var chunks = response.body.makeAsyncIterator()
            _ = try await chunks.next()
            first.set()
            return try await chunks.next()
        }
        await first.wait()
        task.cancel()
        await #expect { try await task.value } throws: { ($0 as? TransportError)?.code == .cancelled }
        #expect(transport.liveTransfers == 0)
        await server.allClosed()
    }

    @Test func byLettingGoOfTheBody() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            try connection.writeChunk("data: 1\n\n")
            connection.readToEnd()
        }
        let transport = CurlTransport.direct()
        do {
            let response = try await transport.send(HTTPRequest(url: server.url))
            #expect(response.status == 200)
        }
        await server.allClosed()
        #expect(transport.liveTransfers == 0)
    }

    @Test func afterItsEndNothingHappens() async throws {
        let server = try ScriptedServer.answering { try $1.respond("200 OK", [], $0.target) }
        let transport = CurlTransport.direct()
        let task = Task {
            let response = try await transport.collect(HTTPRequest(url: server.url + "/1"))
            withUnsafeCurrentTask { $0?.cancel() }
            return response
        }
        #expect(try await task.value.status == 200)
        _ = try await transport.collect(HTTPRequest(url: server.url + "/2"))
        #expect(server.accepted == 1)
    }

    /// A connection that was left in the middle of a response carries no other.
    @Test func aLeftConnectionIsNotReused() async throws {
        let server = try ScriptedServer.answering { request, connection in
            try connection.write("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n\(request.target)")
            if request.target == "/whole" { try connection.write("0123456789abcd") }
        }
        let transport = CurlTransport.direct()
        for _ in 0..<5 {
            let left = try await transport.send(HTTPRequest(url: server.url + "/left"))
            var chunks = left.body.makeAsyncIterator()
            #expect(try await chunks.next() == Array("/left".utf8))
            // It goes here, with half of its body unsent.
            _ = consume left
            _ = consume chunks
            let whole = try await transport.collect(HTTPRequest(url: server.url + "/whole"))
            #expect(String(decoding: whole.body, as: UTF8.self) == "/whole0123456789abcd")
        }
        await transport.shutdown()
        await server.allClosed()
    }

    // MARK: Shutting down

    @Test func shuttingDownFailsWhatRunsAndWhatComes() async throws {
        let reached = Signal()
        let server = try ScriptedServer { connection in
            let request = try connection.readRequest()
            if request?.target == "/stream" {
                try connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            } else {
                reached.set()
            }
            connection.readToEnd()
        }
        let transport = CurlTransport.direct()
        let stream = try await transport.send(HTTPRequest(url: server.url + "/stream"))
        let waiting = Task { try await transport.collect(HTTPRequest(url: server.url)) }
        await reached.wait()
        await transport.shutdown()
        #expect(transport.liveTransfers == 0)
        for result in [await waiting.result, await Task { try await stream.collected(upTo: 1) }.result] {
            #expect(throws: TransportError.self) { try result.get() }
        }
        await server.allClosed()
        await #expect { try await transport.send(HTTPRequest(url: server.url)) } throws: {
            ($0 as? TransportError)?.code == .closed
        }
        await transport.shutdown()
    }

    @Test func aTransportThatWasNeverUsedShutsDown() async throws {
        let transport = CurlTransport.direct()
        await transport.shutdown()
        await #expect { try await transport.send(HTTPRequest(url: "http://127.0.0.1/")) } throws: {
            ($0 as? TransportError)?.code == .closed
        }
    }

    @Test func manyShutDownsAtATimeAllReturn() async throws {
        let server = try ScriptedServer.answering { try $1.respond("200 OK", [], $0.target) }
        for _ in 0..<20 {
            let transport = CurlTransport.direct()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { await transport.shutdown() }
                    group.addTask {
                        let response = try? await transport.collect(HTTPRequest(url: server.url))
                        #expect(response == nil || response?.status == 200)
                    }
                }
            }
            #expect(transport.liveTransfers == 0)
        }
        await server.allClosed()
    }

    @Test func aBodyOutlivesItsTransport() async throws {
        let read = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")
            read.block()
            try connection.write("after")
            connection.readToEnd()
        }
        let response: HTTPResponse
        do {
            let transport = CurlTransport.direct()
            response = try await transport.send(HTTPRequest(url: server.url))
        }
        read.set()
        #expect(try await response.collected(upTo: 10).body == Array("firstafter".utf8))
        // And when both have gone, so have the thread and its connections.
        _ = consume response
        await server.allClosed()
    }

    @Test func transportsComeAndGo() async throws {
        let server = try ScriptedServer.answering { try $1.respond("200 OK", [], $0.target) }
        for _ in 0..<50 {
            let response = try await CurlTransport.direct().collect(HTTPRequest(url: server.url + "/x"))
            #expect(response.body == Array("/x".utf8))
        }
        #expect(server.accepted == 50)
        await server.allClosed()
    }

    // MARK: At random

    /// A server that does anything, by the request's path, and callers that leave at any moment.
    @Test func thousandsOfCallersLeaveAtRandom() async throws {
        try await RandomCancellation.run(calls: 3_000, width: 32, seed: 7)
    }
}

/// Calls against a server that does anything, whose callers leave at any moment.
enum RandomCancellation {
    static func run(calls: Int, width: Int, seed: UInt64) async throws {
        let server = try ScriptedServer.answering { request, connection in
            switch request.target.last {
            case "0": try connection.respond("200 OK", [], "short")
            case "1":
                try connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                for _ in 0..<20 { try connection.writeChunk("data: x\n\n") }
                try connection.writeChunk("")
            case "2":
                try connection.write("HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n")
                try connection.write([UInt8](repeating: 1, count: 1 << 20))
            case "3": connection.readToEnd()
            case "4": connection.reset()
            case "5": try connection.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort of that")
            default: try connection.respond("429 Slow down", [], "{}")
            }
            if request.target.last == "5" { connection.close() }
        }
        let transport = CurlTransport.direct()
        var generator = SeededGenerator(seed: seed)
        let plans = (0..<calls).map { _ in
            (
                kind: Int.random(in: 0...6, using: &generator), delay: Int.random(in: 0...30, using: &generator),
                upload: Int.random(in: 0..<4, using: &generator) == 0, chunks: Int.random(in: 0...4, using: &generator)
            )
        }
        await withTaskGroup(of: Void.self) { group in
            for (index, plan) in plans.enumerated() {
                if index >= width { await group.next() }
                group.addTask {
                    let call = Task {
                        let body: HTTPRequest.Body =
                            plan.upload
                            ? .stream(ByteStream([UInt8](repeating: 2, count: 100_000)), length: nil) : .bytes([3])
                        let response = try await transport.send(
                            HTTPRequest(method: "POST", url: server.url + "/\(plan.kind)", body: body))
                        var chunks = response.body.makeAsyncIterator()
                        // Some read to the end, some leave after a few chunks, some at once.
                        var left = plan.chunks == 4 ? Int.max : plan.chunks
                        while left > 0, try await chunks.next() != nil { left -= 1 }
                    }
                    for _ in 0..<plan.delay { await Task.yield() }
                    // A server that never answers is left in any case.
                    if plan.kind == 3 || plan.delay < 20 { call.cancel() }
                    if case .failure(let error) = await call.result { #expect(error is TransportError) }
                }
            }
        }
        await transport.shutdown()
        #expect(transport.liveTransfers == 0)
        await server.allClosed()
        server.stop()
        // The listener too.
        await server.allClosed()
    }
}
