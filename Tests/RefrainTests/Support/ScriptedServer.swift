import Foundation
import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

#if canImport(Darwin)
    private let streamSocket = SOCK_STREAM
    private let sendFlags: Int32 = 0
#else
    private let streamSocket = Int32(SOCK_STREAM.rawValue)
    private let sendFlags = Int32(MSG_NOSIGNAL)
#endif

private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }

/// A TCP server on the loopback that does to each connection exactly what a script says, byte by byte, on a thread of its
/// own: what well-behaved server libraries cannot be made to do.
final class ScriptedServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let state = Locked(State())

    private struct State {
        var accepted = 0
        /// The descriptors that a script reads from or writes to now.
        var open: Set<Int32> = []
        /// The connections, and the listener, whose descriptors are not closed yet.
        var live = 1
        var isStopped = false
        var waiters: [CheckedContinuation<Void, Never>] = []

        mutating func closed() -> [CheckedContinuation<Void, Never>] {
            self.live -= 1
            guard self.live == (self.isStopped ? 0 : 1) else { return [] }
            defer { self.waiters = [] }
            return self.waiters
        }
    }

    /// The root URL.
    var url: String { "http://127.0.0.1:\(self.port)" }
    /// How many connections were accepted so far.
    var accepted: Int { self.state.withLock { $0.accepted } }

    /// Starts to listen. `script` runs once for each connection, which is closed when it returns or throws.
    /// - Parameter receiveBuffer: the size of the kernel's receive buffer, small where an upload must stall.
    init(receiveBuffer: Int32? = nil, _ script: @escaping @Sendable (ServerConnection) throws -> Void) throws {
        let listener = socket(AF_INET, streamSocket, 0)
        guard listener >= 0 else { throw ServerConnection.Failure(errno) }
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        if var receiveBuffer {
            setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(listener, 1_024) == 0 else { throw ServerConnection.Failure(errno) }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(listener, $0, &length) }
        }
        self.listener = listener
        self.port = UInt16(bigEndian: address.sin_port)
        self.serve(script)
    }

    deinit { self.stop() }

    /// Waits until no connection is open: the client has let go of all of them, and the scripts have noticed.
    func allClosed() async {
        await withCheckedContinuation { continuation in
            let isIdle = self.state.withLock { state in
                let isIdle = state.live <= (state.isStopped ? 0 : 1)
                if !isIdle { state.waiters.append(continuation) }
                return isIdle
            }
            if isIdle { continuation.resume() }
        }
    }

    /// Closes everything; scripts that are at it fail.
    func stop() {
        let isFirst = self.state.withLock { state in
            guard !state.isStopped else { return false }
            state.isStopped = true
            // A thread that is in a call on these returns from it.
            for descriptor in state.open { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
            return true
        }
        // Closed by the thread that accepts on it: another's listener might have its number by the time that looks.
        if isFirst { _ = shutdown(self.listener, Int32(SHUT_RDWR)) }
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 256 << 10
        thread.start()
    }

    private func serve(_ script: @escaping @Sendable (ServerConnection) throws -> Void) {
        let listener = self.listener
        let state = self.state
        // The threads hold the state only: a server that nobody holds any more stops.
        Self.thread {
            defer {
                closeDescriptor(listener)
                for waiter in state.withLock({ $0.closed() }) { waiter.resume() }
            }
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    return
                }
                var one: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                let serves = state.withLock { state in
                    state.accepted += 1
                    guard !state.isStopped else { return false }
                    state.open.insert(descriptor)
                    state.live += 1
                    return true
                }
                guard serves else {
                    closeDescriptor(descriptor)
                    return
                }
                Self.thread {
                    let connection = ServerConnection(descriptor) { close in
                        // Forgotten before it is closed: the number is free for others then.
                        state.withLock { _ = $0.open.remove(descriptor) }
                        close()
                        for waiter in state.withLock({ $0.closed() }) { waiter.resume() }
                    }
                    // The peer's going away in the middle is what many tests are about.
                    try? script(connection)
                    connection.close()
                }
            }
        }
    }
}

/// What a script has in hand. Used by the script's thread only.
final class ServerConnection {
    struct Failure: Error {
        let errno: Int32
        init(_ errno: Int32) { self.errno = errno }
    }

    struct Request {
        var line: String
        var headers: [(name: String, value: String)]
        var body: [UInt8] = []

        var method: String { self.line.split(separator: " ").first.map(String.init) ?? "" }
        var target: String { self.line.split(separator: " ").dropFirst().first.map(String.init) ?? "" }

        func header(_ name: String) -> String? { self.headers.first { $0.name == name }?.value }
    }

    private let descriptor: Int32
    private let closing: (_ close: () -> Void) -> Void
    private var isClosed = false
    private var input: [UInt8] = []

    fileprivate init(_ descriptor: Int32, closing: @escaping (_ close: () -> Void) -> Void) {
        self.descriptor = descriptor
        self.closing = closing
    }

    // MARK: Reading

    /// Reads a request with its body; nil where the client closed before one began.
    func readRequest() throws -> Request? {
        guard var request = try self.readHead() else { return nil }
        if request.header("transfer-encoding") == "chunked" {
            request.body = try self.readChunks()
        } else {
            request.body = try self.read(Int(request.header("content-length") ?? "0") ?? 0)
        }
        return request
    }

    /// Reads up to the end of a request's head.
    func readHead() throws -> Request? {
        guard let first = try self.readLine() else { return nil }
        var request = Request(line: first, headers: [])
        while let line = try self.readLine(), !line.isEmpty {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            request.headers.append(
                (line[..<colon].lowercased(), line[colon...].dropFirst().trimmingCharacters(in: .whitespaces)))
        }
        return request
    }

    private func readLine() throws -> String? {
        while true {
            if let end = self.input.firstIndex(of: 0x0A) {
                let line = String(decoding: self.input[..<end], as: UTF8.self)
                self.input.removeSubrange(...end)
                return line.hasSuffix("\r") ? String(line.dropLast()) : line
            }
            guard try self.fill() else { return nil }
        }
    }

    private func readChunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while let line = try self.readLine() {
            guard let size = Int(line, radix: 16) else { throw Failure(EPROTO) }
            body += try self.read(size)
            _ = try self.readLine()
            if size == 0 { break }
        }
        return body
    }

    /// Reads exactly `count` bytes of a body.
    func read(_ count: Int) throws -> [UInt8] {
        while self.input.count < count {
            guard try self.fill() else { throw Failure(ECONNRESET) }
        }
        defer { self.input.removeFirst(count) }
        return Array(self.input.prefix(count))
    }

    /// Reads until the client closes or resets. Whether it closed in good order.
    @discardableResult
    func readToEnd() -> Bool {
        do {
            while try self.fill() { self.input.removeAll() }
            return true
        } catch {
            return false
        }
    }

    private func fill() throws -> Bool {
        // The number of a closed descriptor may be another connection's by now.
        guard !self.isClosed else { return false }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(self.descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(errno) }
            self.input += buffer[..<count]
            return count > 0
        }
    }

    // MARK: Writing

    func write(_ text: String) throws { try self.write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws {
        guard !self.isClosed else { throw Failure(EBADF) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(self.descriptor, $0.baseAddress! + sent, bytes.count - sent, sendFlags)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure(errno) }
            sent += count
        }
    }

    /// Writes the bytes one at a time.
    func drip(_ text: String) throws {
        for byte in text.utf8 { try self.write([byte]) }
    }

    /// Writes one chunk of a chunked body; an empty one ends it.
    func writeChunk(_ text: String) throws {
        try self.write("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    /// Writes a whole response with a length.
    func respond(_ status: String = "200 OK", _ headers: [String] = [], _ body: String = "") throws {
        let head = (["HTTP/1.1 \(status)"] + headers + ["content-length: \(body.utf8.count)"]).joined(separator: "\r\n")
        try self.write("\(head)\r\n\r\n\(body)")
    }

    /// Writes until the client has taken nothing for `milliseconds`; returns how much it took before.
    func writeUntilStalled(_ bytes: [UInt8], milliseconds: Int) throws -> Int {
        var limit = timeval(tv_sec: 0, tv_usec: .init(milliseconds * 1_000))
        setsockopt(self.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout.size(ofValue: limit)))
        defer {
            limit = timeval(tv_sec: 0, tv_usec: 0)
            setsockopt(self.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout.size(ofValue: limit)))
        }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(self.descriptor, $0.baseAddress! + sent, bytes.count - sent, sendFlags)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return sent }
            guard count > 0 else { throw Failure(errno) }
            sent += count
        }
        return sent
    }

    /// Waits until the client has gone, without reading anything that it sends.
    func waitForReset() {
        // An error or a hang-up is always reported; nothing else is asked for.
        var entry = pollfd(fd: self.descriptor, events: 0, revents: 0)
        while poll(&entry, 1, -1) < 0, errno == EINTR {}
    }

    /// Connects to a port of the loopback and carries bytes both ways until either side ends.
    func tunnel(to port: UInt16) throws {
        let other = socket(AF_INET, streamSocket, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(other, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Failure(errno) }
        let mine = self.descriptor
        let done = DispatchSemaphore(value: 0)
        let copy: @Sendable (Int32, Int32) -> Void = { from, to in
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            while true {
                let count = recv(from, &buffer, buffer.count, 0)
                guard count > 0, send(to, buffer, count, sendFlags) == count else { break }
            }
            _ = shutdown(to, Int32(SHUT_RDWR))
            _ = shutdown(from, Int32(SHUT_RDWR))
            done.signal()
        }
        Thread.detachNewThread { copy(other, mine) }
        Thread.detachNewThread { copy(mine, other) }
        done.wait()
        done.wait()
        closeDescriptor(other)
    }

    // MARK: Ends

    /// Ends the connection with a TCP reset.
    func reset() {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout.size(ofValue: atOnce)))
        self.close()
    }

    func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.closing { closeDescriptor(self.descriptor) }
    }
}

extension ScriptedServer {
    /// A server that answers one request after the other on each connection.
    static func answering(
        _ answer: @escaping @Sendable (ServerConnection.Request, ServerConnection) throws -> Void
    ) throws -> ScriptedServer {
        try ScriptedServer { connection in
            while let request = try connection.readRequest() { try answer(request, connection) }
        }
    }
}
