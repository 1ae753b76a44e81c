/// Where canonical text goes: into a hash, or into an array for people to read.
///
/// Short pieces collect in the workspace's buffer, so that the hash sees few and large ones; long pieces of the text
/// go to it from where they stand.
struct CanonicalWriter: ~Copyable {
    private let buffer: UnsafeMutablePointer<UInt8>
    private var count = 0
    private var hash: KeyedHash?
    private var collected: [UInt8] = []

    /// Pieces of at least this size are not copied.
    private static let directSize = 1024

    /// Hashes what is written from where `hash` stands.
    init(hash: KeyedHash, workspace: JSONWorkspace) {
        self.buffer = workspace.output
        self.hash = hash
    }

    /// Collects what is written behind `text`.
    init(collectingAfter text: [UInt8], workspace: JSONWorkspace) {
        self.buffer = workspace.output
        self.collected = text
    }

    /// The key of all that was written; nil where it was collected.
    mutating func key() -> RequestKey? {
        self.flush()
        return self.hash?.finalize()
    }

    /// All that was written; empty where it was hashed.
    mutating func text() -> [UInt8] {
        self.flush()
        return self.collected
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        if self.count == JSONWorkspace.outputCapacity { self.flush() }
        self.buffer[self.count] = byte
        self.count &+= 1
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        self.append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if bytes.count > JSONWorkspace.outputCapacity &- self.count || bytes.count >= Self.directSize {
            self.appendLarge(bytes)
        } else if let start = bytes.baseAddress {
            (self.buffer + self.count).update(from: start, count: bytes.count)
            self.count &+= bytes.count
        }
    }

    @inline(never)
    private mutating func appendLarge(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.flush()
        if bytes.count >= Self.directSize {
            self.consume(bytes)
        } else if let start = bytes.baseAddress {
            self.buffer.update(from: start, count: bytes.count)
            self.count = bytes.count
        }
    }

    private mutating func flush() {
        guard self.count > 0 else { return }
        self.consume(UnsafeBufferPointer(start: self.buffer, count: self.count))
        self.count = 0
    }

    private mutating func consume(_ bytes: UnsafeBufferPointer<UInt8>) {
        if self.hash == nil {
            self.collected.append(contentsOf: bytes)
        } else {
            self.hash?.update(UnsafeRawBufferPointer(bytes))
        }
    }
}
