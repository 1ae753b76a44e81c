import Foundation
import TestSupport

extension RedisServer {
    /// The server answered with an error.
    struct Refusal: Error, Equatable { var message: String }

    /// A client, as the server sees it.
    struct Client: Sendable {
        /// What `CLIENT LIST` says of it.
        var fields: [String: String]

        var id: Int { self.fields["id"].flatMap { Int($0) } ?? -1 }
        var name: String { self.fields["name"] ?? "" }
        /// The client's port, or, where it comes through a proxy, the proxy's.
        var port: Int? { self.fields["addr"]?.split(separator: ":").last.flatMap { Int($0) } }
        /// `P` for a subscriber, `t` for one with tracking, …
        var flags: String { self.fields["flags"] ?? "" }
    }

    /// Opens a new connection over the Unix socket, with all rights.
    func connect() async throws -> WireConnection {
        let connection = try await WireConnection.connect(path: self.socketPath)
        do {
            let reply = try await connection.command(["AUTH", Self.administrator, Self.administratorPassword])
            if case .error(let message) = reply { throw Refusal(message: message) }
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    /// Runs a command with all rights, as `redis-cli` would, and gives what `redis-cli --raw` would print. An error is
    /// thrown as ``Refusal``.
    ///
    /// All calls share a connection: for a command that blocks, take one of its own (``connect()``).
    @discardableResult
    func cli(_ arguments: String...) async throws -> String {
        try await self.call(arguments.map { Array($0.utf8) }).text
    }

    /// Runs a command with all rights, of any bytes. An error is thrown as ``Refusal``.
    @discardableResult
    func call(_ arguments: [[UInt8]]) async throws -> WireReply {
        let reply = try await self.administration().command(bytes: arguments)
        if case .error(let message) = reply { throw Refusal(message: message) }
        return reply
    }

    /// The clients that are connected, but for our own connection.
    /// - Parameter type: `normal`, `pubsub`, `replica` or `master`; all where nil.
    func clients(type: String? = nil) async throws -> [Client] {
        let own = try await self.cli("CLIENT", "ID")
        let list = try await self.call(
            (["CLIENT", "LIST"] + (type.map { ["TYPE", $0] } ?? [])).map { Array($0.utf8) })
        return list.text.split(separator: "\n").compactMap { line in
            var fields: [String: String] = [:]
            for field in line.split(separator: " ") {
                let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                fields[String(parts[0])] = String(parts.last ?? "")
            }
            return fields["id"] == own ? nil : Client(fields: fields)
        }
    }

    /// A field of `INFO`.
    func info(_ field: String) async throws -> String? {
        try await self.cli("INFO", "everything").split(separator: "\r\n")
            .first { $0.hasPrefix("\(field):") }
            .map { String($0.dropFirst(field.count + 1)) }
    }

    /// Makes snapshots fail, so that writes are refused with MISCONF, until ``repairSnapshots()``. It is for the rest of
    /// this run: the directory of its snapshots is gone.
    func breakSnapshots() async throws {
        try FileManager.default.removeItem(at: self.dataDirectory)
        // Without a schedule of snapshots their failure is no reason to refuse anything.
        try await self.cli("CONFIG", "SET", "save", "3600 1000000")
        try await self.cli("BGSAVE")
        while try await !self.lastSnapshotFailed() {
            // Nothing tells when the process that it forked has failed.
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private func lastSnapshotFailed() async throws -> Bool {
        let isRunning = try await self.info("rdb_bgsave_in_progress") != "0"
        let status = try await self.info("rdb_last_bgsave_status")
        return !isRunning && status == "err"
    }

    /// Lets writes pass again.
    func repairSnapshots() async throws { try await self.cli("CONFIG", "SET", "save", "") }

    /// Whether ``limitDescriptors(to:)`` works here.
    static var limitsDescriptors: Bool { Executables.path(of: "prlimit") != nil }

    /// Limits how many file descriptors its process may have open; those that it has stay. Beyond that, connections are
    /// made, by the kernel, and not accepted.
    ///
    /// - Returns: The limit before.
    @discardableResult
    func limitDescriptors(to limit: String) async throws -> String {
        guard let pid = self.pid else { throw StartFailure(log: "it does not run") }
        func prlimit(_ arguments: String...) async throws -> String {
            let process = try await ChildProcess.start("prlimit", ["--pid", "\(pid)"] + arguments)
            let output = await process.output.reduce(into: "") { $0 += $1 }
            guard await process.waitUntilExit() == 0 else { throw StartFailure(log: "its limits cannot be set") }
            return output
        }
        let before = try await prlimit("--nofile", "--output", "SOFT", "--noheadings", "--raw")
        // The soft one alone: the hard one could not be raised again.
        _ = try await prlimit("--nofile=\(limit):")
        return before
    }
}
