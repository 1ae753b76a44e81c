import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A value of a document that is held still: a cursor without reference counts, for what is done at every hit.
///
/// Memory: it points into the arrays of the document and is valid only inside the call of
/// ``RefrainKeys/JSONDocument/withView(_:)`` that made it.
struct JSONView {
    private let bytes: UnsafePointer<UInt8>
    private let tape: UnsafePointer<JSONTapeEntry>
    private let index: Int

    fileprivate init(_ bytes: UnsafePointer<UInt8>, _ tape: UnsafePointer<JSONTapeEntry>, _ index: Int) {
        self.bytes = bytes
        self.tape = tape
        self.index = index
    }

    /// What the value is.
    var kind: JSONKind { self.tape[self.index].kind }

    /// The value's bytes as they stand in the text.
    var raw: UnsafeBufferPointer<UInt8> {
        let entry = self.tape[self.index]
        return UnsafeBufferPointer(start: self.bytes + Int(entry.start), count: Int(entry.end - entry.start))
    }

    /// A string's content between its quotes, escapes and all; nil for anything else.
    var escapedContent: UnsafeBufferPointer<UInt8>? {
        self.kind == .string ? UnsafeBufferPointer(rebasing: self.raw.dropFirst().dropLast()) : nil
    }

    /// Whether the value is spelled as `text` in quotation marks.
    @inline(__always)
    func isQuoted(_ text: StaticString) -> Bool {
        let raw = self.raw
        guard raw.count == text.utf8CodeUnitCount + 2, let start = raw.baseAddress, start[0] == 0x22 else {
            return false
        }
        return memcmp(start + 1, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// Whether the value is spelled `0`.
    var isZero: Bool { self.raw.count == 1 && self.raw[0] == 0x30 }

    /// Whether this is an array that is not empty.
    var hasElements: Bool { self.kind == .array && Int(self.tape[self.index].next) > self.index + 1 }

    /// Visits the members of an object in order; none for anything else.
    @inline(__always)
    func forEachMember(_ visit: (_ name: JSONView, _ value: JSONView) -> Void) {
        guard self.kind == .object else { return }
        let end = Int(self.tape[self.index].next)
        var at = self.index + 1
        while at < end {
            visit(JSONView(self.bytes, self.tape, at), JSONView(self.bytes, self.tape, at + 1))
            at = Int(self.tape[at + 1].next)
        }
    }

    /// Visits the elements of an array in order; none for anything else.
    @inline(__always)
    func forEachElement(_ visit: (JSONView) -> Void) {
        guard self.kind == .array else { return }
        let end = Int(self.tape[self.index].next)
        var at = self.index + 1
        while at < end {
            visit(JSONView(self.bytes, self.tape, at))
            at = Int(self.tape[at].next)
        }
    }
}

extension JSONDocument {
    /// Calls `body` with the text's one value. The view, and all that comes from it, must not leave the call.
    func withView(_ body: (JSONView) -> Void) {
        self.bytes.withUnsafeBufferPointer { bytes in
            self.tape.withUnsafeBufferPointer { tape in
                // A scanned text has a byte and a value at least.
                guard let bytes = bytes.baseAddress, let tape = tape.baseAddress else { return }
                body(JSONView(bytes, tape, 0))
            }
        }
    }
}
