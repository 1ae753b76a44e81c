/// A scanned JSON text with its bytes: the one reader that everything but the hot key path uses.
///
/// Nothing is converted until it is asked for, and every value knows the bytes that it came from, so that what is
/// copied on survives byte for byte.
package struct JSONDocument: Sendable {
    /// The text.
    package let bytes: [UInt8]
    /// Its values in document order. Never empty.
    package let tape: [JSONTapeEntry]

    /// Scans `bytes`. Linear in their number.
    ///
    /// Duplicate members are accepted; ``JSONCursor/subscript(_:)`` finds the last one, as the common parsers do.
    package init(_ bytes: [UInt8], limits: JSONLimits = .request) throws(JSONError) {
        let workspace = JSONWorkspace.Pool.take()
        defer { JSONWorkspace.Pool.give(workspace) }
        var failure: JSONError?
        bytes.withUnsafeBufferPointer { buffer in
            do throws(JSONError) {
                try JSONScanner.scan(buffer, limits: limits, refusesDuplicates: false, workspace: workspace)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        self.bytes = bytes
        self.tape = Array(UnsafeBufferPointer(start: workspace.tape, count: workspace.tapeCount))
    }

    /// The text's one value.
    package var root: JSONCursor { JSONCursor(document: self, index: 0) }
}

/// A value inside a ``JSONDocument``.
package struct JSONCursor: Sendable {
    /// The text that the value is part of.
    package let document: JSONDocument
    /// The value's place on the tape.
    package let index: Int

    package init(document: JSONDocument, index: Int) {
        self.document = document
        self.index = index
    }

    private var entry: JSONTapeEntry { self.document.tape[self.index] }

    /// What the value is.
    package var kind: JSONKind { self.entry.kind }
    /// Where its bytes stand in the text; a string's include its quotes.
    package var range: Range<Int> { Int(self.entry.start)..<Int(self.entry.end) }
    /// The value's bytes as they stand in the text.
    package var raw: ArraySlice<UInt8> { self.document.bytes[self.range] }

    /// The members of an object in document order; empty for anything else.
    package var members: JSONMembers { JSONMembers(self) }
    /// The elements of an array in order; empty for anything else.
    package var elements: JSONElements { JSONElements(self) }

    /// The value of the last member called `name`; nil where there is none, or this is no object. Linear.
    package subscript(_ name: String) -> JSONCursor? {
        var found: JSONCursor?
        for member in self.members where member.name.hasContent(name) { found = member.value }
        return found
    }

    /// Whether this is a string whose decoded content is `text`, scalar by scalar.
    package func hasContent(_ text: String) -> Bool {
        guard self.kind == .string else { return false }
        let content = self.document.bytes[self.range.dropFirst().dropLast()]
        return self.entry.isEscaped
            ? JSONString.unescaped(content).elementsEqual(text.utf8) : content.elementsEqual(text.utf8)
    }

    /// A string's content between its quotes, escapes and all; nil for anything else.
    package var escapedContent: ArraySlice<UInt8>? {
        self.kind == .string ? self.document.bytes[self.range.dropFirst().dropLast()] : nil
    }

    /// A string's decoded content; a lone surrogate becomes U+FFFD. Nil for anything else.
    package var string: String? {
        guard let content = self.escapedContent else { return nil }
        return String(decoding: self.entry.isEscaped ? JSONString.unescaped(content)[...] : content, as: UTF8.self)
    }

    /// A number that is exactly an `Int`, whatever its notation is without exponent or fraction; nil otherwise.
    package var int: Int? {
        self.kind == .number ? Int(String(decoding: self.raw, as: UTF8.self)) : nil
    }

    /// A number as the nearest double; nil for anything else.
    package var double: Double? {
        self.kind == .number ? Double(String(decoding: self.raw, as: UTF8.self)) : nil
    }

    /// A Boolean; nil for anything else.
    package var bool: Bool? {
        switch self.kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// Whether this is `null`.
    package var isNull: Bool { self.kind == .null }
}

/// The members of an object, in document order.
package struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    private let document: JSONDocument
    private var index: Int
    private let end: Int

    fileprivate init(_ object: JSONCursor) {
        self.document = object.document
        let entry = object.document.tape[object.index]
        self.index = object.index + 1
        self.end = entry.kind == .object ? Int(entry.next) : self.index
    }

    package mutating func next() -> (name: JSONCursor, value: JSONCursor)? {
        guard self.index < self.end else { return nil }
        let name = JSONCursor(document: self.document, index: self.index)
        let value = JSONCursor(document: self.document, index: self.index + 1)
        self.index = Int(self.document.tape[self.index + 1].next)
        return (name, value)
    }
}

/// The elements of an array, in order.
package struct JSONElements: Sequence, IteratorProtocol, Sendable {
    private let document: JSONDocument
    private var index: Int
    private let end: Int

    fileprivate init(_ array: JSONCursor) {
        self.document = array.document
        let entry = array.document.tape[array.index]
        self.index = array.index + 1
        self.end = entry.kind == .array ? Int(entry.next) : self.index
    }

    package mutating func next() -> JSONCursor? {
        guard self.index < self.end else { return nil }
        defer { self.index = Int(self.document.tape[self.index].next) }
        return JSONCursor(document: self.document, index: self.index)
    }
}
