import RefrainCore

/// Builds a response's head from the lines that libcurl hands over one at a time: interim responses are passed by,
/// trailers are dropped.
struct ResponseHeadParser: Sendable {
    /// Why a head is refused.
    struct Malformed: Error, Hashable {
        let message: String
    }

    private let maximumBytes: Int
    private var bytes = 0
    private var status: Int?
    private var headers: [HTTPHeader] = []
    /// Whether the final response's head is complete.
    private(set) var isDone = false

    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// Takes one line with its end; returns the head when this was its last.
    mutating func feed(_ line: UnsafeRawBufferPointer) throws(Malformed) -> ResponseHead? {
        self.bytes += line.count
        guard self.bytes <= self.maximumBytes else {
            throw Malformed(message: "the response's head exceeds \(self.maximumBytes) bytes")
        }
        // What comes after the head are the trailers of a chunked body.
        if self.isDone { return nil }
        let line = Self.withoutEnd(line)
        guard let status else {
            self.status = try Self.status(of: line)
            return nil
        }
        if line.isEmpty { return self.endOfHead(status) }
        try self.field(line)
        return nil
    }

    private mutating func endOfHead(_ status: Int) -> ResponseHead? {
        defer {
            self.status = nil
            self.headers = []
        }
        guard status >= 200 else { return nil }
        self.isDone = true
        return ResponseHead(status: status, headers: self.headers)
    }

    private mutating func field(_ line: Slice<UnsafeRawBufferPointer>) throws(Malformed) {
        guard !line.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else {
            throw Malformed(message: "a response header holds a control character")
        }
        if line.first == 0x20 || line.first == 0x09 {
            // A folded line continues the one before (RFC 9112 §5.2: as one space).
            guard let last = self.headers.indices.last else {
                throw Malformed(message: "a response header has no name")
            }
            self.headers[last].value += " " + Self.text(Self.trimmed(line))
            return
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(\.isHTTPTokenCharacter)
        else { throw Malformed(message: "a response header has no name") }
        self.headers.append(HTTPHeader(Self.text(line[..<colon]), Self.text(Self.trimmed(line[(colon + 1)...]))))
    }

    /// The status of `HTTP/1.1 200 OK` or `HTTP/2 200`.
    private static func status(of line: Slice<UnsafeRawBufferPointer>) throws(Malformed) -> Int {
        let malformed = Malformed(message: "the response has no status line")
        guard line.starts(with: "HTTP/".utf8), let space = line.firstIndex(of: 0x20) else { throw malformed }
        let rest = line[(space + 1)...]
        let digits = rest.prefix(3)
        guard digits.count == 3, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            rest.dropFirst(3).first.map({ $0 == 0x20 }) ?? true
        else { throw malformed }
        let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        // No request of ours asks for another protocol.
        guard status >= 100, status != 101 else { throw Malformed(message: "the response has the status \(status)") }
        return status
    }

    private static func withoutEnd(_ line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
        var line = line[...]
        if line.last == 0x0A { line = line.dropLast() }
        if line.last == 0x0D { line = line.dropLast() }
        return line
    }

    private static func trimmed(_ text: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text = text.dropLast() }
        return text
    }

    /// Bytes that are not UTF-8 are read as ISO 8859-1, as fields of old were meant.
    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        String(validating: bytes, as: UTF8.self) ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}

extension UInt8 {
    /// Whether a field name or a method may contain this byte (RFC 9110 §5.6.2 `tchar`).
    var isHTTPTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }
}
