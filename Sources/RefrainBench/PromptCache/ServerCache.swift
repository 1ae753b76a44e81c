import Refrain

/// The server's prompt cache as it is documented: prefixes that end at marks are written, and found again from marks.
struct ServerCache {
    /// How closely it follows the service.
    struct Rules: Hashable, Sendable {
        /// The positions that a mark looks back over, itself included; nil for all.
        var window: Int?
        /// The most marks that count, from the first on; nil for all.
        var maximumMarks: Int?
        /// How long after its request's start a write can be read, in milliseconds.
        var delay: Int64

        static let ideal = Rules(window: nil, maximumMarks: nil, delay: 0)

        static func real(delay: Int64) -> Rules { Rules(window: 20, maximumMarks: 4, delay: delay) }
    }

    /// A part of a prompt that ends where a mark may stand, or where something may have been written.
    struct Segment: Sendable {
        /// What stands for the prompt up to and with the segment: the same for equal beginnings, and for no others.
        var prefix: Int
        /// The length of the prompt up to and with the segment.
        var units: Int
        /// The content blocks in it, for the look-back.
        var positions = 1
        /// Whether it counts as one position together with a neighbour of the same kind.
        var run = Run.none
        /// How long the prefix is to be kept; nil without a mark.
        var mark: PromptCacheTTL?
    }

    /// Blocks of which neighbours count as one position.
    enum Run: Sendable {
        case none, toolUse, toolResult
    }

    /// How a prompt divides, in units. The rest is plain input.
    struct Division: Hashable, Sendable {
        var read = 0
        var written5m = 0
        var written1h = 0
    }

    /// A write: the number of the prompt among those sent, and the segment.
    struct Write: Hashable, Sendable {
        var prompt: Int
        var segment: Int
    }

    private struct Entry {
        var lifetime: Int64
        var expires: Int64
        var readableFrom: Int64
        var writer: Write
    }

    private let rules: Rules
    private var entries: [Int: Entry] = [:]
    private var sent = 0
    /// The writes that something was read of.
    private(set) var readWrites: Set<Write> = []
    /// For each prompt sent, the segment that was found; -1 for none.
    private(set) var found: [Int] = []

    init(_ rules: Rules) { self.rules = rules }

    /// Divides a prompt that is sent at `now`, in milliseconds; refreshes what it reads and writes what it marks.
    ///
    /// - Parameter minimum: The fewest units of a prefix that is kept.
    mutating func send(_ segments: [Segment], minimum: Int, at now: Int64) -> Division {
        var marks = segments.indices.filter { segments[$0].mark != nil }
        if let most = self.rules.maximumMarks { marks = Array(marks.prefix(most)) }
        marks.removeAll { segments[$0].units < minimum }
        let found = self.longestHit(segments, marks, now)
        self.found.append(found ?? -1)
        defer { self.sent += 1 }
        let read = found.map { segments[$0].units } ?? 0
        if let found {
            if let entry = self.entries[segments[found].prefix] { self.readWrites.insert(entry.writer) }
            for index in marks.filter({ $0 < found }) + [found] { self.refresh(segments[index].prefix, now) }
        }
        // With A the end of what is read, B the last mark for an hour after it, and C the last mark: A is read, B − A is
        // written for an hour, and C − B for five minutes.
        let later = marks.filter { $0 > found ?? -1 }
        let hour = later.last { segments[$0].mark == .oneHour }.map { segments[$0].units } ?? read
        let last = later.last.map { segments[$0].units } ?? read
        for index in later {
            guard let mark = segments[index].mark else { continue }
            self.write(segments[index].prefix, mark.milliseconds, now, Write(prompt: self.sent, segment: index))
        }
        return Division(read: read, written5m: last - hour, written1h: hour - read)
    }

    private func longestHit(_ segments: [Segment], _ marks: [Int], _ now: Int64) -> Int? {
        let window = self.rules.window ?? .max
        for mark in marks.reversed() {
            var position = 1
            for index in stride(from: mark, through: 0, by: -1) {
                guard position <= window else { break }
                if let entry = self.entries[segments[index].prefix], entry.readableFrom <= now, entry.expires >= now {
                    return index
                }
                let isSame = index > 0 && segments[index].run != .none && segments[index].run == segments[index - 1].run
                if !isSame { position += segments[index].positions }
            }
        }
        return nil
    }

    private mutating func refresh(_ prefix: Int, _ now: Int64) {
        guard let entry = self.entries[prefix], entry.expires >= now, entry.readableFrom <= now else { return }
        self.entries[prefix]?.expires = max(entry.expires, now + entry.lifetime)
    }

    private mutating func write(_ prefix: Int, _ lifetime: Int64, _ now: Int64, _ writer: Write) {
        var entry = Entry(
            lifetime: lifetime, expires: now + lifetime, readableFrom: now + self.rules.delay, writer: writer)
        if let present = self.entries[prefix], present.expires >= now {
            entry.lifetime = max(entry.lifetime, present.lifetime)
            entry.expires = max(entry.expires, present.expires)
            entry.readableFrom = min(entry.readableFrom, present.readableFrom)
        }
        self.entries[prefix] = entry
    }
}

extension PromptCacheTTL {
    /// How long it is.
    var milliseconds: Int64 {
        switch self {
        case .fiveMinutes: 300_000
        case .oneHour: 3_600_000
        }
    }
}
