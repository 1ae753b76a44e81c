import Foundation

@testable import RefrainRedis

/// The access-control list of `docs/redis.md`, so that what people copy is what is tested.
enum DocumentedRights {
    struct Missing: Error {}

    /// The text of the page.
    static func page() throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("docs/redis.md"), encoding: .utf8)
    }

    /// The user that the page describes, with a password that the page leaves open.
    static func user() throws -> RedisServer.Options.User {
        let blocks = try Self.page().components(separatedBy: "```")
        guard let block = blocks.first(where: { $0.hasPrefix("\nuser ") }) else { throw Missing() }
        let words = block.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count > 4, words[2] == "on", words[3] == ">PASSWORD" else { throw Missing() }
        return .init(name: words[1], password: "a-password", rights: Array(words[4...]))
    }
}

extension RedisServer {
    /// Changes what a user may do.
    func acl(_ user: String, _ rules: [String]) async throws {
        try await self.call((["ACL", "SETUSER", user] + rules).map { Array($0.utf8) })
    }
}
