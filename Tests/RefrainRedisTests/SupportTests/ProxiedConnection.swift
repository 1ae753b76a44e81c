import Testing

/// A connection through a proxy, both of whose ends a test holds.
struct ProxiedConnection {
    var proxy: FaultProxy
    var listener: WireListener
    var client: WireConnection
    var server: WireConnection

    /// Another connection through the same proxy: the client's end and the server's.
    func another() async throws -> (client: WireConnection, server: WireConnection) {
        let client = try await WireConnection.connect(port: self.proxy.port)
        return (client, try await self.listener.accept())
    }

    /// Opens one, and closes everything when `body` is over.
    static func with(seed: UInt64 = 1, _ body: (ProxiedConnection) async throws -> Void) async throws {
        let listener = try await WireListener.start()
        try await withFaultProxy(to: listener.port, seed: seed) { proxy in
            let client = try await WireConnection.connect(port: proxy.port)
            let server = try await listener.accept()
            try await body(ProxiedConnection(proxy: proxy, listener: listener, client: client, server: server))
            await client.close()
            await server.close()
        }
        await listener.stop()
    }
}
