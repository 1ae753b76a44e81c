import RefrainKeys

/// One JSON value as the bytes that spell it: nothing about it changes on its way.
///
/// Two are equal when their bytes are.
public struct RawJSON: Hashable, Sendable, CustomStringConvertible {
    /// The bytes, without white space around them.
    public let bytes: [UInt8]

    /// Takes bytes that spell one JSON value; white space around it is dropped. Linear.
    ///
    /// - Throws: ``WireError/Code/invalidJSON`` where they do not.
    public init(_ bytes: [UInt8]) throws(WireError) {
        self.init(try JSONDocument.read(bytes).root)
    }

    /// Spells a value, always in the same way.
    public init(_ value: JSONValue) {
        var bytes: [UInt8] = []
        value.append(to: &bytes)
        self.bytes = bytes
    }

    init(_ value: JSONCursor) { self.bytes = Array(value.raw) }

    /// Takes bytes that are known to spell one value.
    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// The value. Linear.
    ///
    /// - Throws: ``WireError`` where the JSON holds a string with an unpaired surrogate, which no `String` can hold.
    public func value() throws(WireError) -> JSONValue { try JSONValue(self.bytes) }

    /// The bytes as text.
    public var description: String { String(decoding: self.bytes, as: UTF8.self) }

    /// The value with a cursor on it. The bytes were checked when they were taken.
    func document() throws(WireError) -> JSONDocument { try JSONDocument.read(self.bytes) }
}

extension JSONDocument {
    /// Scans JSON from the wire.
    static func read(_ bytes: [UInt8]) throws(WireError) -> JSONDocument {
        do throws(JSONError) {
            return try JSONDocument(bytes, limits: .response)
        } catch {
            throw WireError(error)
        }
    }
}
