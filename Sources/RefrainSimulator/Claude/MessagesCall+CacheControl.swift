import RefrainCore
import RefrainKeys

extension MessagesCall {
    /// The `cache_control` of a block, a tool, or the request; nil where there is none.
    static func mark(_ object: JSONCursor, at path: String) throws(APIFailure) -> PromptCacheModel.Lifetime? {
        guard let control = Self.present(object, "cache_control") else { return nil }
        let path = path.isEmpty ? "cache_control" : "\(path).cache_control"
        guard control.kind == .object else { throw .invalid(path, "Input should be a valid dictionary") }
        guard let type = control["type"], type.hasContent("ephemeral") else {
            throw .invalid(
                path,
                "Input tag '\(control["type"]?.string ?? "")' found using 'type' does not match any of the "
                    + "expected tags: 'ephemeral'")
        }
        guard let ttl = Self.present(control, "ttl") else { return .fiveMinutes }
        if ttl.hasContent("5m") { return .fiveMinutes }
        if ttl.hasContent("1h") { return .oneHour }
        throw .invalid("\(path).ephemeral.ttl", "Input should be '5m' or '1h'")
    }

    /// Places the automatic breakpoint, then checks the rules that hold for all breakpoints together.
    mutating func checkMarks() throws(APIFailure) {
        var marks = self.prompt.blocks.flatMap { block in block.marks.map { (path: block.path, lifetime: $0) } }
        if let automatic = try Self.mark(self.root, at: "") {
            if let index = self.prompt.blocks.lastIndex(where: \.canBeMarked) {
                if let present = self.prompt.blocks[index].marks.last {
                    guard present == automatic else {
                        throw .invalid(
                            "cache_control",
                            "the last cacheable block has a cache_control with a different ttl: "
                                + self.prompt.blocks[index].path)
                    }
                } else {
                    let path = self.prompt.blocks[index].path
                    self.prompt.blocks[index].marks = [automatic]
                    let before = self.prompt.blocks[..<index].reduce(0) { $0 + $1.marks.count }
                    marks.insert((path, automatic), at: before)
                }
            }
        }
        guard marks.count <= 4 else {
            throw .invalid("A maximum of 4 blocks with cache_control may be provided. Found \(marks.count).")
        }
        var hasFiveMinutes = false
        for mark in marks {
            if mark.lifetime == .fiveMinutes { hasFiveMinutes = true }
            if mark.lifetime == .oneHour, hasFiveMinutes {
                throw .invalid(
                    "\(mark.path).cache_control.ttl",
                    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that "
                        + "blocks are processed in the following order: `tools`, `system`, `messages`.")
            }
        }
    }
}
