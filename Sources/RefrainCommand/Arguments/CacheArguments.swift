import ArgumentParser
import Refrain
import RefrainCore

/// Which cache a command looks after: that of a running gateway, or a namespace of a Redis.
struct CacheArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A running gateway, as in http://127.0.0.1:8787. It takes REFRAIN_ADMIN_TOKEN, where that is set.",
            valueName: "url"))
    var gateway: String?

    @Option(
        help: ArgumentHelp("A file with the gateway's admin token, in place of the variable.", valueName: "path"))
    var adminTokenFile: String?

    @OptionGroup var redis: RedisArguments

    /// One of the two.
    enum Place: Sendable {
        case gateway(GatewayClient)
        case redis(RedisArguments.Place)
    }

    func validate() throws {
        guard self.gateway != nil else {
            guard self.adminTokenFile == nil else { throw ValidationError("--admin-token-file goes with --gateway") }
            return
        }
        guard self.redis.redis == nil else { throw ValidationError("--gateway and --redis exclude each other") }
        guard self.redis.namespace == nil else {
            throw ValidationError("--namespace is of a Redis: a gateway has one of its own")
        }
    }

    /// The place. `--gateway` comes before a `REFRAIN_REDIS` of the environment.
    ///
    /// - Throws: `ValidationError` where none is named, or the URL or the token is none.
    func place(_ environment: [String: String]) async throws -> Place {
        guard let url = self.gateway else {
            let settings = try await Settings(file: nil, environment: environment)
            guard let place = try self.redis.place(settings) else {
                throw ValidationError(
                    "which cache? Name a gateway with --gateway, or a Redis with --redis or REFRAIN_REDIS")
            }
            return .redis(place)
        }
        let token = try self.token(environment)
        do throws(ClientConfigurationError) {
            return .gateway(GatewayClient(try BaseURL(url), token: token))
        } catch {
            throw ValidationError("--gateway: \(error.message)")
        }
    }

    private func token(_ environment: [String: String]) throws -> String? {
        guard let path = self.adminTokenFile else {
            return environment["REFRAIN_ADMIN_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        }
        let words: [Substring]
        do {
            words = String(decoding: try FileContents.read(path), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        } catch {
            throw ValidationError("--admin-token-file \(path): \(error)")
        }
        guard words.count == 1 else { throw ValidationError("--admin-token-file \(path) must hold a token alone") }
        return String(words[0])
    }
}
