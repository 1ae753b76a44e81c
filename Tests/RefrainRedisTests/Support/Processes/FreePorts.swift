import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Ports of the loopback that nobody listens on.
///
/// They lie below those that the kernel gives to outgoing connections, so that a server which is down for a while finds
/// its port free again.
enum FreePorts {
    /// No port was free.
    struct Exhausted: Error {}

    private static let given = Locked<Set<Int>>([])

    /// A port that is free now, and that nobody in this process was given before.
    static func next() throws -> Int {
        for _ in 0..<1_000 {
            let port = Int.random(in: 20_000..<32_000)
            guard Self.given.withLock({ $0.insert(port).inserted }), Self.isFree(port) else { continue }
            return port
        }
        throw Exhausted()
    }

    private static func isFree(_ port: Int) -> Bool {
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { _ = close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
