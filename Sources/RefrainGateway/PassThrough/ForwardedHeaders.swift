import HTTPTypes
import Refrain
import RefrainCore

/// Which header fields belong to a connection rather than to the message on it (RFC 9110 §7.6.1).
enum ForwardedHeaders {
    /// Removes the fields that `connection` names.
    static func removeNominated(by connection: [String], from headers: inout [HTTPHeader]) {
        guard !connection.isEmpty else { return }
        let nominated = Set(
            connection.flatMap { $0.split(separator: ",") }.map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() })
        guard nominated != ["keep-alive"], nominated != ["close"] else { return }
        // A credential or version that is left out would make it another request, of nobody or of somebody else.
        let kept: Set<String> = ["x-api-key", "authorization"]
        headers.removeAll {
            nominated.contains($0.name) && !kept.contains($0.name) && !$0.name.hasPrefix("anthropic-")
        }
    }

    /// The fields of a request that goes through as it came, but for those of the connection and our own controls.
    static func ofRequest(_ fields: HTTPFields) -> [HTTPHeader] {
        var headers = fields.compactMap { field -> HTTPHeader? in
            let name = field.name.canonicalName
            guard !UpstreamRequest.isConnectionField(name), !name.hasPrefix(RequestControls.prefix) else { return nil }
            return HTTPHeader(name, field.value)
        }
        Self.removeNominated(by: fields[values: .connection], from: &headers)
        return headers
    }

    /// The fields of a response on its way back, but for those of the connection and our own signals.
    ///
    /// Its length is among them where there is one: a length beside chunks, or several, would be another's than the
    /// body's (RFC 9112 §6.3).
    static func ofResponse(_ headers: [HTTPHeader]) -> [HTTPHeader] {
        let connection = headers.filter { $0.name == "connection" }.map(\.value)
        let isLengthKept =
            headers.count { $0.name == "content-length" } == 1 && !headers.contains { $0.name == "transfer-encoding" }
        var kept = headers.filter {
            $0.name == "content-length"
                ? isLengthKept
                : !UpstreamRequest.isConnectionField($0.name) && !$0.name.hasPrefix(RequestControls.prefix)
        }
        Self.removeNominated(by: connection, from: &kept)
        return kept
    }

    /// Puts a key in the place of the caller's credential.
    static func replaceCredential(in headers: inout [HTTPHeader], by key: NamedScope.UpstreamKey) {
        let usesBearer = (headers.first { $0.name == "anthropic-version" }?.value ?? "") >= "2026-10-21"
        headers.removeAll { $0.name == "x-api-key" || $0.name == "authorization" }
        headers.append(
            usesBearer ? HTTPHeader("authorization", "Bearer " + key.exposed) : HTTPHeader("x-api-key", key.exposed))
    }
}
