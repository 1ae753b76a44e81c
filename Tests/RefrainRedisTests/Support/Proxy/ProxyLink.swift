import NIOCore
import RefrainTesting

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One connection through a ``FaultProxy``: the client's channel and the server's, and a lane each way. On the proxy's
/// event loop only.
final class ProxyLink {
    /// A side of the proxy.
    enum Side: Hashable { case client, server }

    /// Its number.
    let id: Int
    let core: ProxyCore
    private let client: any Channel
    private var server: (any Channel)?
    private var toServer: ProxyLane?
    private var toClient: ProxyLane?
    /// The sides whose channels failed, and those whose channels are closed.
    private var failed: Set<Side> = []
    private var closed: Set<Side> = []
    /// Whether a fault has ended it: what still comes is dropped.
    private var isEnded = false
    /// Whether the client has not ended it.
    private(set) var isOpen = true

    /// Random numbers of this connection.
    var random: SeededGenerator
    /// Where in the server's replies the stream is.
    var splitter = ReplySplitter()
    /// The beginning of a reply that is needed whole.
    var whole: ByteBuffer?
    /// The first reply of a pair that is being swapped.
    var held: ByteBuffer?
    /// What arrives when the reply that is on its way has ended.
    var injections: [ByteBuffer] = []

    init(id: Int, core: ProxyCore, client: any Channel, random: SeededGenerator) {
        self.id = id
        self.core = core
        self.client = client
        self.random = random
        self.toServer = ProxyLane(.toServer, of: self)
        self.toClient = ProxyLane(.toClient, of: self)
    }

    var description: FaultProxy.Connection {
        FaultProxy.Connection(
            id: self.id, clientPort: self.client.remoteAddress?.port, portAtServer: self.server?.localAddress?.port)
    }

    // MARK: Its parts

    /// The lane that goes that way.
    func lane(_ direction: FaultProxy.Direction) -> ProxyLane {
        // They are there from the beginning until both channels are closed, and nothing asks later.
        guard let lane = direction == .toServer ? self.toServer : self.toClient else {
            preconditionFailure("a lane of a closed connection")
        }
        return lane
    }

    private var lanes: [ProxyLane] { [self.toServer, self.toClient].compactMap { $0 } }

    private func lane(from side: Side) -> ProxyLane? { side == .client ? self.toServer : self.toClient }

    private func lane(to side: Side) -> ProxyLane? { side == .client ? self.toClient : self.toServer }

    /// The channel that bytes of a lane come from; nil where it is closed, or not open yet.
    func source(of direction: FaultProxy.Direction) -> (any Channel)? {
        self.channel(direction == .toServer ? .client : .server)
    }

    /// The channel that bytes of a lane go to.
    func sink(of direction: FaultProxy.Direction) -> (any Channel)? {
        self.channel(direction == .toServer ? .server : .client)
    }

    private func channel(_ side: Side) -> (any Channel)? {
        guard !self.closed.contains(side) else { return nil }
        return side == .client ? self.client : self.server
    }

    // MARK: What happens to it

    /// The server has accepted the connection, or not.
    func connected(_ result: Result<any Channel, any Error>) {
        switch result {
        case .success(let channel):
            self.server = channel
            guard !self.isEnded, !self.closed.contains(.client) else { return self.reset(.server) }
            for lane in self.lanes { lane.pump() }
        case .failure:
            self.closed.insert(.server)
            for lane in self.lanes { lane.close() }
            // As the server would have refused it.
            self.reset(.client)
            self.removeIfClosed()
        }
    }

    func received(_ bytes: ByteBuffer, from side: Side) {
        guard !self.isEnded else { return }
        switch side {
        case .client: self.toServer?.add(bytes)
        case .server: self.receivedReplies(bytes)
        }
    }

    func readAll(from side: Side) { self.lane(from: side)?.flush() }

    func writabilityChanged(of side: Side) { self.lane(to: side)?.updateReading() }

    /// A side will send no more.
    func inputEnded(of side: Side) {
        if side == .client { self.clientEnded() }
        guard !self.isEnded else {
            self.channel(side)?.close(promise: nil)
            return
        }
        if side == .server { self.release() }
        self.lane(from: side)?.sourceEnded(.input)
        self.settle()
    }

    func failed(_ side: Side) {
        self.failed.insert(side)
        self.channel(side)?.close(promise: nil)
    }

    /// A side's channel is closed.
    func closed(_ side: Side) {
        self.closed.insert(side)
        if side == .client { self.clientEnded() }
        if side == .server { self.release() }
        self.lane(to: side)?.close()
        self.lane(from: side)?.sourceEnded(self.failed.contains(side) ? .reset : .closed)
        self.settle()
        self.removeIfClosed()
    }

    private func removeIfClosed() {
        guard self.closed.count == 2 else { return }
        for lane in self.lanes { lane.close() }
        self.toServer = nil
        self.toClient = nil
        self.core.remove(self)
    }

    private func clientEnded() {
        guard self.isOpen else { return }
        self.isOpen = false
        self.core.tally.open -= 1
    }

    /// Closes what is over on both sides.
    func settle() {
        guard self.closed.count < 2, self.lanes.count == 2, self.lanes.allSatisfy(\.isOver) else { return }
        for side in [Side.client, .server] { self.channel(side)?.close(promise: nil) }
    }

    // MARK: What is done to it

    /// How bytes flow here; as everywhere where nil.
    func set(_ flow: FaultProxy.Flow?, _ direction: FaultProxy.Direction) {
        self.lane(direction).flow = flow
        self.lane(direction).restart()
        self.settle()
    }

    /// Ends it, to both sides.
    func end(_ how: FaultProxy.Ending) {
        guard !self.isEnded else { return }
        self.isEnded = true
        for lane in self.lanes { lane.close() }
        switch how {
        case .reset:
            self.core.tally[.reset] += 1
            for side in [Side.client, .server] { self.reset(side) }
        case .finish:
            self.core.tally[.finished] += 1
            // Read to the end, and then closed: closing with bytes unread, or that come later, is a reset.
            for side in [Side.client, .server] {
                guard let channel = self.channel(side) else { continue }
                channel.close(mode: .output, promise: nil)
                self.read(channel, true)
            }
        }
    }

    /// Closes a side's channel with a reset.
    func reset(_ side: Side) {
        guard let channel = self.channel(side) else { return }
        if let provider = channel as? any SocketOptionProvider {
            // Without it the peer sees an end in good order: the tests of the proxy would see that.
            _ = provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        channel.close(promise: nil)
    }

    /// Reads from a channel, or does not.
    func read(_ channel: any Channel, _ reads: Bool) {
        // It fails where the channel is closed, which is told otherwise.
        try? channel.syncOptions?.setOption(.autoRead, value: reads)
    }

    func heal() {
        self.injections = []
        self.release()
        for lane in self.lanes {
            lane.flow = nil
            lane.restart()
        }
        self.settle()
    }

    /// Closes both channels; each future is done when one of them is closed.
    func stop() -> [EventLoopFuture<Void>] {
        self.isEnded = true
        for lane in self.lanes { lane.close() }
        return [Side.client, .server].compactMap { side in
            let channel = self.channel(side)
            channel?.close(promise: nil)
            return channel?.closeFuture
        }
    }
}
