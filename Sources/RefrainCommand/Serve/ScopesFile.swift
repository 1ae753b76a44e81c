import ArgumentParser
import RefrainCore
import RefrainGateway
import RefrainKeys

/// The file of groups: an object with a member for each, `{"members": ["…"], "upstream_key_env": "NAME"}`.
struct ScopesFile {
    let scopes: [NamedScope]

    /// - Throws: `ValidationError` where the file cannot be read, or is not such an object. No key is in it.
    init(path: String, _ environment: [String: String]) throws {
        let root: JSONValue
        do {
            root = try JSONValue(try FileContents.read(path))
        } catch let error as WireError {
            throw ValidationError("--scopes \(path) is not JSON: \(error)")
        } catch {
            throw ValidationError("--scopes \(path): \(error)")
        }
        guard case .object(let groups) = root else {
            throw ValidationError("--scopes \(path) must be an object with a member for each group")
        }
        var owners: [MemberID: String] = [:]
        self.scopes = try groups.members.map { member in
            let scope = try Self.scope(member, path, environment)
            for id in scope.members {
                if let owner = owners.updateValue(scope.name, forKey: id) {
                    throw ValidationError("--scopes \(path): \(id) is a member of \(owner) and of \(scope.name)")
                }
            }
            return scope
        }
    }

    private static func scope(
        _ group: JSONObject.Member, _ path: String, _ environment: [String: String]
    ) throws -> NamedScope {
        func wrong(_ what: String) -> ValidationError {
            ValidationError("--scopes \(path): group \(group.name): \(what)")
        }
        guard case .object(let object) = group.value else { throw wrong("it must be an object") }
        var members: Set<MemberID> = []
        var key: NamedScope.UpstreamKey?
        for member in object.members {
            switch member.name {
            case "members":
                guard case .array(let values) = member.value else { throw wrong("members must be an array") }
                for value in values {
                    guard case .string(let text) = value, let id = MemberID(text) else {
                        throw wrong(
                            "a member is 64 hex digits, as refrain member prints them, never the credential itself")
                    }
                    members.insert(id)
                }
            case "upstream_key_env":
                guard case .string(let name) = member.value else { throw wrong("upstream_key_env must be a name") }
                guard let text = environment[name], let value = NamedScope.UpstreamKey(text) else {
                    throw wrong("the environment variable \(name) holds no key")
                }
                key = value
            default: throw wrong("'\(member.name)' is no option: there are members and upstream_key_env")
            }
        }
        guard !group.name.isEmpty, !members.isEmpty else { throw wrong("it needs a name and members") }
        return NamedScope(name: group.name, members: members, upstreamKey: key)
    }
}
