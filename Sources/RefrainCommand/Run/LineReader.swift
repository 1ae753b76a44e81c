import SystemPackage

/// Reads a file or a pipe line by line, holding no more than one line and one chunk.
struct LineReader {
    /// The longest line it accepts: a body of 32 MB, the API's own limit, with room for what stands around it.
    static let maximumLineBytes = 40_000_000

    private let descriptor: FileDescriptor
    private let closesDescriptor: Bool
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false

    /// Opens `path`, or standard input where it is `-`.
    ///
    /// - Throws: `Errno` where the file cannot be opened.
    init(path: String) throws {
        if path == "-" {
            self.descriptor = .standardInput
            self.closesDescriptor = false
        } else {
            self.descriptor = try .open(FilePath(path), .readOnly)
            self.closesDescriptor = true
        }
    }

    /// What a line turned out to be.
    enum Line: Equatable {
        case text([UInt8])
        /// Longer than ``LineReader/maximumLineBytes``; its bytes were skipped.
        case tooLong
    }

    /// The next line without its line feed and carriage return; nil at the end.
    ///
    /// - Throws: `Errno` where reading fails.
    mutating func next() throws -> Line? {
        var line: [UInt8] = []
        var isTooLong = false
        while true {
            if let end = self.buffer[self.position...].firstIndex(of: UInt8(ascii: "\n")) {
                line += self.buffer[self.position..<end]
                self.position = end + 1
                break
            }
            line += self.buffer[self.position...]
            self.position = self.buffer.count
            if line.count > Self.maximumLineBytes {
                isTooLong = true
                line.removeAll()
            }
            guard try self.fill() else {
                if line.isEmpty && !isTooLong { return nil }
                break
            }
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return isTooLong || line.count > Self.maximumLineBytes ? .tooLong : .text(line)
    }

    /// Whether it can be read again: no pipe and no terminal.
    var isRegularFile: Bool {
        do {
            _ = try self.descriptor.seek(offset: 0, from: .current)
            return self.closesDescriptor
        } catch {
            return false
        }
    }

    /// Closes the file; standard input stays open.
    func close() throws {
        if self.closesDescriptor { try self.descriptor.close() }
    }

    /// Replaces the buffer, which is used up, by the next chunk; false at the end.
    private mutating func fill() throws -> Bool {
        guard !self.isAtEnd else { return false }
        self.buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = try self.buffer.withUnsafeMutableBytes { try self.descriptor.read(into: $0) }
        self.buffer.removeSubrange(count...)
        self.position = 0
        self.isAtEnd = count == 0
        return count > 0
    }
}
