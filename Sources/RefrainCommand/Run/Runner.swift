import RefrainCore

/// Sends the requests of a file through the cache, some at a time, and keeps their answers in order.
struct Runner {
    /// Where the requests stand, `-` for standard input.
    let path: String
    /// How many times the file is gone through.
    let repeats: Int
    /// How many requests are under way at once.
    let concurrency: Int
    /// Answers one request. It does not throw: a failure is an answer too. Nil where the run was interrupted first.
    let answer: @Sendable (RequestLine) async -> RunAnswer?

    /// What a run tells while it goes on.
    enum Event {
        /// A line that is no request; the run goes on.
        case malformed(RequestLine.Malformed)
        /// The next answers in input order.
        case answered([(line: RequestLine, answer: RunAnswer)])
    }

    /// Runs to the end, or until the task is cancelled: then nothing new is begun, what is under way is cancelled, and
    /// what was answered is reported.
    ///
    /// - Parameter report: Called for what has happened, one at a time, in input order.
    /// - Throws: `Errno` where the file cannot be read, and what `report` throws.
    func run(_ report: (Event) throws -> Void) async throws {
        // Standard input can be read once, so what is asked again is kept.
        var kept: [RequestLine]? = self.path == "-" && self.repeats > 1 ? [] : nil
        for pass in 0..<self.repeats {
            if Task.isCancelled { break }
            if pass > 0, let kept {
                var lines = kept.makeIterator()
                try await self.pass(next: { lines.next().map { .success($0) } }, report)
                continue
            }
            var source = try RequestSource(path: self.path)
            try await self.pass(
                next: {
                    let line = try source.next()
                    if case .success(let line) = line { kept?.append(line) }
                    return line
                }, report)
            try source.close()
        }
    }

    private func pass(
        next: () throws -> Result<RequestLine, RequestLine.Malformed>?, _ report: (Event) throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: (Int, RequestLine, RunAnswer?).self) { group in
            var order = OrderedOutput<(line: RequestLine, answer: RunAnswer)?>()
            var begun = 0
            var running = 0
            var isAtEnd = false
            while true {
                // One slow request must not make those after it pile up without a bound.
                while !isAtEnd, running < self.concurrency, order.waitingCount < 16 * self.concurrency,
                    !Task.isCancelled
                {
                    switch try next() {
                    case .success(let line):
                        let index = begun
                        group.addTask { (index, line, await self.answer(line)) }
                        begun += 1
                        running += 1
                    case .failure(let malformed): try report(.malformed(malformed))
                    case nil: isAtEnd = true
                    }
                }
                guard let (index, line, answer) = try await group.next() else { break }
                running -= 1
                let ready = order.insert(answer.map { (line, $0) }, at: index).compactMap(\.self)
                if !ready.isEmpty { try report(.answered(ready)) }
            }
            let rest = order.drain().compactMap(\.self)
            if !rest.isEmpty { try report(.answered(rest)) }
        }
    }
}

/// The requests of a file, line by line.
struct RequestSource {
    private var reader: LineReader
    private var number = 0

    init(path: String) throws { self.reader = try LineReader(path: path) }

    /// The next request, or why the next line is none; nil at the end.
    mutating func next() throws -> Result<RequestLine, RequestLine.Malformed>? {
        while let line = try self.reader.next() {
            self.number += 1
            switch line {
            case .tooLong:
                let limit = ByteSize(LineReader.maximumLineBytes)
                return .failure(.init(number: self.number, reason: "longer than \(limit)"))
            case .text(let bytes):
                do {
                    if let request = try RequestLine.parse(bytes, number: self.number) { return .success(request) }
                } catch {
                    return .failure(error)
                }
            }
        }
        return nil
    }

    /// Closes the file.
    func close() throws { try self.reader.close() }
}
