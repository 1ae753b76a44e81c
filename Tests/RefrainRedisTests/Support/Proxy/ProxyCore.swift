import NIOCore
import NIOPosix
import RefrainTesting

/// The inside of a ``FaultProxy``: which faults are in force, and the connections. On the proxy's event loop only.
final class ProxyCore {
    /// An ending that waits for bytes.
    private struct Armed {
        var how: FaultProxy.Ending
        var after: Int
        var direction: FaultProxy.Direction
        var times: Int
        var connection: Int?
        /// What each connection had carried when it was armed.
        var before: [Int: Int]
    }

    private struct Watcher {
        var isSo: @Sendable (FaultProxy.Tally) -> Bool
        var promise: EventLoopPromise<Void>
    }

    let loop: any EventLoop
    /// Where new connections go.
    var target: FaultProxy.Target
    private let port: Int
    private let seed: UInt64
    private var listener: (any Channel)?
    private var links: [Int: ProxyLink] = [:]
    private var flows: [FaultProxy.Direction: FaultProxy.Flow] = [:]
    private var endings: [Armed] = []
    private var watchers: [Watcher] = []
    private var isStopped = false

    /// The faults that wait for replies.
    var faults = ReplyFaults()
    /// What has gone through.
    var tally = FaultProxy.Tally() {
        didSet { if !self.watchers.isEmpty { self.tellWatchers() } }
    }

    init(loop: any EventLoop, target: FaultProxy.Target, port: Int, seed: UInt64) {
        self.loop = loop
        self.target = target
        self.port = port
        self.seed = seed
    }

    // MARK: Connections

    /// Listens, unless it does.
    func listen() -> EventLoopFuture<Void> {
        guard !self.isStopped else { return self.loop.makeFailedFuture(FaultProxy.Stopped()) }
        guard self.listener == nil else { return self.loop.makeSucceededVoidFuture() }
        let core = NIOLoopBound(self, eventLoop: self.loop)
        return ServerBootstrap(group: self.loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { core.value.accept($0) }
            .bind(host: "127.0.0.1", port: self.port)
            .assumeIsolated()
            .map { self.listener = $0 }
            .nonisolated()
    }

    /// Listens no longer.
    func refuse() -> EventLoopFuture<Void> {
        guard let listener = self.listener else { return self.loop.makeSucceededVoidFuture() }
        self.listener = nil
        return listener.close()
    }

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        self.tally.accepted += 1
        self.tally.open += 1
        let id = self.tally.accepted
        let link = ProxyLink(
            id: id, core: self, client: client,
            random: SeededGenerator(seed: self.seed &+ UInt64(id) &* 0x9E37_79B9_7F4A_7C15))
        self.links[id] = link
        let bound = NIOLoopBound(link, eventLoop: self.loop)
        do {
            try client.pipeline.syncOperations.addHandler(ProxyHandler(link: link, side: .client))
        } catch {
            return self.loop.makeFailedFuture(error)
        }
        // The client waits no longer than its connection does: nothing is read from it until the server has accepted.
        self.connect(bound).whenComplete { bound.value.connected($0) }
        return self.loop.makeSucceededVoidFuture()
    }

    private func connect(_ link: NIOLoopBound<ProxyLink>) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: self.loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ProxyHandler(link: link.value, side: .server))
                }
            }
        switch self.target {
        case .port(let port): return bootstrap.connect(host: "127.0.0.1", port: port)
        case .unixSocket(let path): return bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    /// Both its channels are closed.
    func remove(_ link: ProxyLink) { self.links[link.id] = nil }

    private func each(_ connection: Int?) -> [ProxyLink] {
        self.links.values.filter { connection == nil || $0.id == connection }.sorted { $0.id < $1.id }
    }

    /// The connections that clients have not ended.
    var connections: [FaultProxy.Connection] { self.each(nil).filter(\.isOpen).map(\.description) }

    // MARK: Faults

    /// How bytes flow, where a connection has no flow of its own.
    func flow(_ direction: FaultProxy.Direction) -> FaultProxy.Flow { self.flows[direction] ?? .pass }

    func set(_ flow: FaultProxy.Flow, _ direction: FaultProxy.Direction, on connection: Int?) {
        if connection == nil { self.flows[direction] = flow }
        for link in self.each(connection) { link.set(connection == nil ? nil : flow, direction) }
    }

    func end(_ how: FaultProxy.Ending, on connection: Int?) {
        for link in self.each(connection) { link.end(how) }
    }

    func arm(
        _ how: FaultProxy.Ending, after bytes: Int, _ direction: FaultProxy.Direction, times: Int, on connection: Int?
    ) {
        self.endings.append(
            Armed(
                how: how, after: bytes, direction: direction, times: times, connection: connection,
                before: self.links.mapValues { $0.lane(direction).carried }))
    }

    /// Whether a connection ends within the next `count` bytes: after how many of them, and how.
    func ending(
        of link: Int, _ direction: FaultProxy.Direction, carried: Int, count: Int
    ) -> (after: Int, how: FaultProxy.Ending)? {
        for index in self.endings.indices {
            let armed = self.endings[index]
            guard armed.direction == direction, armed.connection == nil || armed.connection == link else { continue }
            let left = armed.after - (carried - armed.before[link, default: 0])
            guard count >= left else { continue }
            self.endings[index].times -= 1
            if self.endings[index].times <= 0 { self.endings.remove(at: index) }
            return (max(left, 0), armed.how)
        }
        return nil
    }

    func inject(_ bytes: [UInt8], on connection: Int?) {
        for link in self.each(connection) where link.isOpen { link.inject(ByteBuffer(bytes: bytes)) }
    }

    func heal() {
        self.flows = [:]
        self.endings = []
        self.faults.disarm()
        for link in self.each(nil) { link.heal() }
    }

    // MARK: Watching

    func watch(_ isSo: @escaping @Sendable (FaultProxy.Tally) -> Bool, _ promise: EventLoopPromise<Void>) {
        guard !self.isStopped else { return promise.fail(FaultProxy.Stopped()) }
        guard !isSo(self.tally) else { return promise.succeed() }
        self.watchers.append(Watcher(isSo: isSo, promise: promise))
    }

    private func tellWatchers() {
        let tally = self.tally
        let told = self.watchers.filter { $0.isSo(tally) }
        guard !told.isEmpty else { return }
        self.watchers.removeAll { $0.isSo(tally) }
        for watcher in told { watcher.promise.succeed() }
    }

    /// Closes everything; done when all channels are closed.
    func stop() -> EventLoopFuture<Void> {
        self.isStopped = true
        for watcher in self.watchers { watcher.promise.fail(FaultProxy.Stopped()) }
        self.watchers = []
        let closing = self.each(nil).flatMap { $0.stop() } + [self.refuse()]
        return .andAllComplete(closing, on: self.loop)
    }
}
