import RefrainCore

/// Finds `usage` and `model` in a JSON object that comes in pieces, and keeps nothing else of it.
///
/// It follows strings and brackets alone. What is no JSON object makes it find nothing, or something that is no usage.
struct UsageScanner {
    /// No usage is as large.
    private static let maximumBytes = 16 << 10

    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// Whether the next string in the object itself is the name of a member.
    private var expectsName = false
    private var isInName = false
    private var name: [UInt8] = []
    /// The value of the member that is being read, where it is one of the two.
    private var value: [UInt8]?
    private var usageJSON: [UInt8] = []
    private var modelJSON: [UInt8] = []

    /// The tokens; nil where they are not told, or not yet.
    var usage: Usage? { Usage(json: self.usageJSON) }
    /// The model that answered; empty where it is not told, or not yet.
    var model: String {
        // What is no JSON is no name.
        (try? JSONValue(self.modelJSON))?.string ?? ""
    }

    /// Takes the next bytes.
    ///
    /// - Complexity: Linear in their number.
    mutating func read(_ bytes: [UInt8]) {
        for byte in bytes {
            if self.isInString { self.readInString(byte) } else { self.readOutside(byte) }
        }
    }

    private mutating func readInString(_ byte: UInt8) {
        self.keep(byte)
        if self.isEscaped {
            self.isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
            self.isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
            self.isInString = false
            self.isInName = false
            return
        }
        // One byte more than the names that are looked for have, so that a longer name is none of them.
        if self.isInName, self.name.count < 6 { self.name.append(byte) }
    }

    private mutating func readOutside(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""):
            self.isInString = true
            if self.depth == 1, self.expectsName {
                self.isInName = true
                self.name.removeAll(keepingCapacity: true)
            }
            self.keep(byte)
        case UInt8(ascii: ":") where self.depth == 1:
            self.expectsName = false
            self.value = self.name.elementsEqual("usage".utf8) || self.name.elementsEqual("model".utf8) ? [] : nil
        case UInt8(ascii: ",") where self.depth == 1:
            self.endMember()
            self.expectsName = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            self.depth += 1
            if self.depth == 1 { self.expectsName = byte == UInt8(ascii: "{") }
            self.keep(byte)
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            self.depth -= 1
            if self.depth == 0 { self.endMember() } else { self.keep(byte) }
        default: self.keep(byte)
        }
    }

    private mutating func keep(_ byte: UInt8) {
        guard let count = self.value?.count else { return }
        if count < Self.maximumBytes { self.value?.append(byte) } else { self.value = nil }
    }

    private mutating func endMember() {
        guard let value = self.value.take() else { return }
        if self.name.elementsEqual("usage".utf8) { self.usageJSON = value } else { self.modelJSON = value }
    }
}
