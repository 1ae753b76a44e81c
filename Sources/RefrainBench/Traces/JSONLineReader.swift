import RefrainKeys

/// Reads files of JSON and of JSON Lines, and says in which file and line something is wrong.
struct JSONLineReader {
    /// The file's name, for messages.
    let file: String
    private let bytes: [UInt8]

    /// Takes the content of a file.
    init(file: String, bytes: [UInt8]) {
        self.file = file
        // A UTF-8 byte order mark is what some editors leave at the start of a file.
        self.bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    /// Larger than any trace, and what the scanner can take.
    private static let limits = JSONLimits(bytes: Int(UInt32.max) - 2, depth: 512, values: 1 << 27)

    /// The whole file as one JSON text.
    func document() throws(BenchError) -> JSONCursor {
        do throws(JSONError) {
            return try JSONDocument(self.bytes, limits: Self.limits).root
        } catch {
            throw BenchError(.malformed, "\(self.file) is not JSON: \(error)")
        }
    }

    /// Calls `body` with the object of each line that is not blank, and the line's number, counted from 1.
    ///
    /// - Throws: ``BenchError/Code/malformed`` with file and line where a line is no JSON object, or `body` finds fault.
    func forEachLine(_ body: (JSONCursor, Line) throws(BenchError) -> Void) throws(BenchError) {
        var number = 0
        var rest = self.bytes[...]
        while !rest.isEmpty {
            number += 1
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest.dropFirst(line.count + 1)
            guard line.contains(where: { !" \t\r".utf8.contains($0) }) else { continue }
            let place = Line(file: self.file, number: number)
            let root: JSONCursor
            do throws(JSONError) {
                root = try JSONDocument(Array(line), limits: Self.limits).root
            } catch {
                throw place.malformed("not JSON: \(error)")
            }
            guard root.kind == .object else { throw place.malformed("a line must be a JSON object") }
            try body(root, place)
        }
    }

    /// A line of a file.
    struct Line {
        let file: String
        let number: Int

        func malformed(_ reason: String) -> BenchError {
            BenchError(.malformed, "\(self.file):\(self.number): \(reason)")
        }

        /// The value of a member that must be there.
        func require(_ name: String, of object: JSONCursor) throws(BenchError) -> JSONCursor {
            guard let value = object[name] else { throw self.malformed("there is no \(name)") }
            return value
        }

        /// The integer of a member that must be one.
        func int(_ name: String, of object: JSONCursor) throws(BenchError) -> Int {
            guard let value = try self.require(name, of: object).int else {
                throw self.malformed("\(name) is no integer")
            }
            return value
        }

        /// The number of a member that must be one.
        func double(_ name: String, of object: JSONCursor) throws(BenchError) -> Double {
            guard let value = try self.require(name, of: object).double, value.isFinite else {
                throw self.malformed("\(name) is no number")
            }
            return value
        }

        /// The string of a member that must be one, in UTF-8.
        func text(_ name: String, of object: JSONCursor) throws(BenchError) -> [UInt8] {
            guard let value = try self.require(name, of: object).text else {
                throw self.malformed("\(name) is no string")
            }
            return value
        }
    }
}

extension JSONCursor {
    /// A string's content in UTF-8 with its escapes resolved; nil for anything else.
    var text: [UInt8]? {
        guard let content = self.escapedContent else { return nil }
        return content.contains(UInt8(ascii: "\\")) ? JSONString.unescaped(content) : Array(content)
    }
}
