import RefrainKeys

/// Small changes to a request's bytes that leave all other bytes as they are.
enum JSONSplice {
    /// The body with its top-level `stream` set as wanted: the body itself where it says so already, or is no object.
    static func setting(stream: Bool, in body: [UInt8]) -> [UInt8] {
        // What is not JSON is for the API to refuse.
        guard let root = (try? JSONDocument(body))?.root, root.kind == .object else { return body }
        var result = body
        var last: Int?
        for (name, value) in root.members {
            last = value.range.upperBound
            guard name.hasContent("stream") else { continue }
            if value.bool == stream || (!stream && value.isNull) { return body }
            result.replaceSubrange(value.range, with: (stream ? "true" : "false").utf8)
            return result
        }
        guard stream else { return body }
        guard let last else {
            result.insert(contentsOf: #""stream":true"#.utf8, at: root.range.lowerBound + 1)
            return result
        }
        result.insert(contentsOf: #","stream":true"#.utf8, at: last)
        return result
    }

    /// The body without the top-level members called one of `names`. The members that stay keep their bytes.
    static func removing(_ names: Set<String>, from body: [UInt8]) -> [UInt8] {
        guard let root = (try? JSONDocument(body))?.root, root.kind == .object else { return body }
        let kept = root.members.filter { !names.contains($0.name.string ?? "") }
        var result = [UInt8(ascii: "{")]
        for (index, member) in kept.enumerated() {
            if index > 0 { result.append(UInt8(ascii: ",")) }
            result.append(contentsOf: member.name.raw)
            result.append(UInt8(ascii: ":"))
            result.append(contentsOf: member.value.raw)
        }
        result.append(UInt8(ascii: "}"))
        return result
    }
}
