import Logging
import RefrainCore

/// Keeps the one connection on which Redis tells what has changed: the generation record, by client-side tracking that is
/// redirected to the connection itself, and the ends of leases, by their channels.
///
/// While there is none, or the server does not permit it, ``RecordKeeper`` looks more often.
struct Listener: Sendable {
    /// How often the connection is asked for a sign of life. One that does not answer within the client's time-out for
    /// commands is closed.
    static let heartbeat = Duration.milliseconds(500)
    private static let delays: ClosedRange<Duration> = .milliseconds(100) ... .seconds(2)
    private static let invalidations = "__redis__:invalidate"

    let client: RedisClient
    let keeper: RecordKeeper
    let wakeups: Wakeups
    let time: TimeSource
    let logger: Logger

    /// Connects and listens, again and again, until the task is cancelled.
    func run() async {
        var delay = Self.delays.lowerBound
        while !Task.isCancelled {
            do throws(StoreError) {
                let connection = try await self.connect()
                delay = Self.delays.lowerBound
                await self.listen(on: connection)
                await connection.close()
            } catch {
                self.logger.debug("no invalidations are told", metadata: ["error": "\(error.code)"])
            }
            do {
                try await self.time.sleep(delay)
            } catch {
                return
            }
            delay = min(delay * 2, Self.delays.upperBound)
        }
    }

    private func connect() async throws(StoreError) -> RedisConnection {
        let (keeper, wakeups) = (self.keeper, self.wakeups)
        let connection = try await self.client.dedicated { message in
            guard case .array(let parts?) = message, parts.count == 3, case .bulk(let channel?) = parts[1] else {
                return
            }
            let name = String(decoding: channel, as: UTF8.self)
            // Its prefix is the record's, so whatever changed, that did; a flush of the server is told as nil.
            if name == Self.invalidations { keeper.hasChanged() } else { wakeups.told(on: name) }
        }
        do throws(StoreError) {
            let id = try await connection.send(RESPCommand("CLIENT", "ID")).integer()
            _ = try await connection.send(
                RESPCommand(
                    "CLIENT", "TRACKING", "ON", "REDIRECT", .integer(id), "BCAST", "PREFIX",
                    .text(self.keeper.recordName))
            ).checked()
            _ = try await connection.send(RESPCommand("SUBSCRIBE", .text(Self.invalidations))).checked()
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    private func listen(on connection: RedisConnection) async {
        self.wakeups.listens(on: connection)
        self.keeper.isTold(true)
        do {
            while true {
                await self.waitForHeartbeat(of: connection)
                _ = try await connection.send(RESPCommand("PING")).checked()
                for channel in self.wakeups.idleChannels() {
                    _ = try await connection.send(RESPCommand("UNSUBSCRIBE", .text(channel))).checked()
                    self.wakeups.forget(channel)
                }
            }
        } catch {
            self.logger.debug("invalidations are told no longer")
        }
        self.wakeups.listens(on: nil)
        self.keeper.isTold(false)
    }

    /// Waits until the connection is to be asked again; no longer than it is open.
    private func waitForHeartbeat(of connection: RedisConnection) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await connection.waitUntilClosed() }
            group.addTask {
                do {
                    try await self.time.sleep(Self.heartbeat)
                } catch {
                    // Cancelled: it was closed, or nobody listens any more.
                }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
