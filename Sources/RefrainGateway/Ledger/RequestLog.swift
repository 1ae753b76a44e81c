import RefrainCore
import RefrainKeys
import SystemPackage

/// The file that gets one line of JSON for each request of `/v1/messages`.
///
/// A task of its own writes, so that no request waits for a disk. What cannot be written any more, because the disk is
/// full or slower than the traffic, is counted and dropped.
final class RequestLog: Sendable {
    /// The most bytes that wait to be written.
    private static let maximumWaiting = 8 << 20

    private struct State {
        var waiting: [UInt8] = []
        var dropped = 0
        var isClosed = false
    }

    private let descriptor: FileDescriptor
    private let state = Locked(State())
    private let bell: AsyncStream<Void>
    private let ringer: AsyncStream<Void>.Continuation

    /// Opens the file, or creates it, to append to it.
    init(path: String) throws(GatewayConfigurationError) {
        do {
            self.descriptor = try .open(
                FilePath(path), .writeOnly, options: [.create, .append],
                permissions: [.ownerReadWrite, .groupRead])
        } catch {
            throw GatewayConfigurationError("the request log \(path) cannot be written: \(error)")
        }
        (self.bell, self.ringer) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many lines were dropped.
    var dropped: Int { self.state.withLock { $0.dropped } }

    /// Takes a line.
    func append(_ record: RequestRecord) {
        let line = JSONValue.object(record.json).encoded() + [UInt8(ascii: "\n")]
        let wasEmpty = self.state.withLock { state in
            guard !state.isClosed, state.waiting.count + line.count <= Self.maximumWaiting else {
                state.dropped += 1
                return false
            }
            let wasEmpty = state.waiting.isEmpty
            state.waiting += line
            return wasEmpty
        }
        if wasEmpty { self.ringer.yield() }
    }

    /// Writes until the task is cancelled, and then what is left.
    func run() async {
        for await _ in self.bell { self.write() }
        self.write()
    }

    /// Closes the file. Lines after that are dropped.
    func close() {
        self.ringer.finish()
        self.state.withLock { $0.isClosed = true }
        self.write()
        do { try self.descriptor.close() } catch {
            // Whether the last bytes reached the disk is not known; nothing can be done about it here.
        }
    }

    private func write() {
        let lines = self.state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        guard !lines.isEmpty else { return }
        do {
            try self.descriptor.writeAll(lines)
        } catch {
            self.state.withLock { $0.dropped += lines.count { $0 == UInt8(ascii: "\n") } }
        }
    }
}
