/// Walks over two canonical bodies side by side. Linear in their size.
struct DifferenceFinder {
    private let limit: Int
    private(set) var differences: [RequestComparison.Difference] = []
    private(set) var isTruncated = false

    init(limit: Int) { self.limit = limit }

    /// Compares what is not in the bodies.
    mutating func compare(_ one: KeyContext, _ other: KeyContext) {
        self.compare("scope", one.scope.fingerprint, other.scope.fingerprint)
        self.compare("origin", Preamble.normalized(origin: one.origin), Preamble.normalized(origin: other.origin))
        self.compare("path", Preamble.withoutQuery(one.path), Preamble.withoutQuery(other.path))
        self.compare("anthropic-version", Scope.trimmed(one.version), Scope.trimmed(other.version))
        self.compare(
            "anthropic-beta", Preamble.effective(betas: one.betas).joined(separator: ","),
            Preamble.effective(betas: other.betas).joined(separator: ","))
        self.compare("version", one.userVersion, other.userVersion)
        self.compare("sample", String(one.sampleIndex), String(other.sampleIndex))
    }

    private mutating func compare(_ path: String, _ one: String, _ other: String) {
        if one.utf8.elementsEqual(other.utf8) { return }
        self.note(path, one, other)
    }

    /// Compares two values.
    mutating func compare(_ one: JSONCursor, _ other: JSONCursor, at path: String) {
        guard !self.isTruncated else { return }
        switch (one.kind, other.kind) {
        case (.object, .object): self.compareMembers(one, other, at: path)
        case (.array, .array): self.compareElements(one, other, at: path)
        default:
            if !one.raw.elementsEqual(other.raw) {
                let common = zip(one.raw, other.raw).prefix { $0 == $1 }.count
                self.note(path, Self.excerpt(one, around: common), Self.excerpt(other, around: common))
            }
        }
    }

    private mutating func compareElements(_ one: JSONCursor, _ other: JSONCursor, at path: String) {
        var (ones, others) = (one.elements, other.elements)
        var index = 0
        while !self.isTruncated {
            let path = "\(path)[\(index)]"
            switch (ones.next(), others.next()) {
            case (let one?, let other?): self.compare(one, other, at: path)
            case (let one?, nil): self.note(path, Self.excerpt(one), nil)
            case (nil, let other?): self.note(path, nil, Self.excerpt(other))
            case (nil, nil): return
            }
            index += 1
        }
    }

    private mutating func compareMembers(_ one: JSONCursor, _ other: JSONCursor, at path: String) {
        // Names are canonically spelt, so equal names are equal bytes.
        var others: [ArraySlice<UInt8>: (index: Int, value: JSONCursor)] = [:]
        for (index, member) in other.members.enumerated() { others[member.name.raw] = (index, member.value) }
        var names: Set<ArraySlice<UInt8>> = []
        var last = -1
        var isReordered = false
        for member in one.members {
            names.insert(member.name.raw)
            if let found = others[member.name.raw] {
                isReordered = isReordered || found.index < last
                last = found.index
                self.compare(member.value, found.value, at: Self.path(path, member.name))
            } else {
                self.note(Self.path(path, member.name), Self.excerpt(member.value), nil)
            }
        }
        for member in other.members where !names.contains(member.name.raw) {
            self.note(Self.path(path, member.name), nil, Self.excerpt(member.value))
        }
        if isReordered { self.note(path, nil, nil, isOrderOnly: true) }
    }

    private mutating func note(_ path: String, _ first: String?, _ second: String?, isOrderOnly: Bool = false) {
        guard self.differences.count < self.limit else {
            self.isTruncated = true
            return
        }
        self.differences.append(
            RequestComparison.Difference(
                path: path.isEmpty ? "$" : path, first: first, second: second, isOrderOnly: isOrderOnly))
    }

    /// The most bytes of a value that are shown.
    private static let excerptSize = 60

    /// A part of a value that fits on a line, with the byte at `offset` in it.
    private static func excerpt(_ value: JSONCursor, around offset: Int = 0) -> String {
        let raw = value.raw
        guard raw.count > Self.excerptSize else { return String(decoding: raw, as: UTF8.self) }
        var start = raw.startIndex + max(0, min(offset - Self.excerptSize / 3, raw.count - Self.excerptSize))
        var end = min(start + Self.excerptSize, raw.endIndex)
        // Whole characters only.
        while start < end, raw[start] & 0xC0 == 0x80 { start += 1 }
        while end < raw.endIndex, end > start, raw[end] & 0xC0 == 0x80 { end -= 1 }
        return (start > raw.startIndex ? "…" : "") + String(decoding: raw[start..<end], as: UTF8.self)
            + (end < raw.endIndex ? "…" : "")
    }

    /// The path of a member. A name that would be hard to read in it stands in brackets, as JSON.
    private static func path(_ parent: String, _ name: JSONCursor) -> String {
        let content = name.escapedContent ?? []
        let isPlain =
            !content.isEmpty
            && content.allSatisfy { byte in
                byte >= 0x80 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "$")
                    || byte.isASCIILetterOrDigit
            }
        guard isPlain else { return "\(parent)[\(String(decoding: name.raw, as: UTF8.self))]" }
        return (parent.isEmpty ? "" : parent + ".") + String(decoding: content, as: UTF8.self)
    }
}

extension UInt8 {
    fileprivate var isASCIILetterOrDigit: Bool {
        self &- UInt8(ascii: "0") < 10 || (self | 0x20) &- UInt8(ascii: "a") < 26
    }
}
