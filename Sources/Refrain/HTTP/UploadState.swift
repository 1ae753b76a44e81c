/// A request's body between the task that reads the caller's stream and the thread that sends it, as a value.
///
/// `Waiter` stands for the suspended reading task.
struct UploadState<Waiter: Sendable>: Sendable {
    private let bufferBytes: Int
    private var chunks: [[UInt8]] = []
    private var bytes = 0
    private var waiter: Waiter?
    /// The thread found nothing to send and waits to be told.
    private var isStarved = false
    /// How the stream ended: nil while it has not.
    private var end: TransportError??
    /// The transfer is over: nothing more will be sent.
    private var isStopped = false

    /// - Parameter bufferBytes: how many unsent bytes hold the reading task up.
    init(bufferBytes: Int) { self.bufferBytes = bufferBytes }

    // MARK: The reading task's events

    enum PushAction: Hashable, Sendable {
        /// Read on; if `wake`, tell the thread that there is something to send.
        case more(wake: Bool)
        /// Wait for room first.
        case wait(wake: Bool)
        /// Stop reading: nobody wants the rest.
        case stop
    }

    /// A chunk was read.
    mutating func push(_ chunk: [UInt8]) -> PushAction {
        if self.isStopped { return .stop }
        self.chunks.append(chunk)
        self.bytes += chunk.count
        let wake = self.isStarved
        self.isStarved = false
        return self.bytes < self.bufferBytes ? .more(wake: wake) : .wait(wake: wake)
    }

    /// The reading task waits for room. Whether it need not: there is room, or nobody wants the rest.
    mutating func waitForRoom(_ waiter: Waiter) -> Bool {
        if self.isStopped || self.bytes < self.bufferBytes { return true }
        self.waiter = waiter
        return false
    }

    /// The stream has ended, with an error if it failed. Whether to tell the thread.
    mutating func finish(_ error: TransportError?) -> Bool {
        guard !self.isStopped, self.end == nil else { return false }
        self.end = .some(error)
        defer { self.isStarved = false }
        return self.isStarved
    }

    // MARK: The thread's events

    enum TakeAction: Sendable {
        /// Send these, and let the reading task go on if there is one.
        case send([[UInt8]], Waiter?)
        /// Wait to be told.
        case starved
        /// That was all.
        case end
        /// The stream failed.
        case fail(TransportError)
    }

    /// The thread has sent everything it took before.
    mutating func take() -> TakeAction {
        guard self.chunks.isEmpty else {
            defer {
                self.chunks = []
                self.bytes = 0
                self.waiter = nil
            }
            return .send(self.chunks, self.waiter)
        }
        switch self.end {
        case .some(.some(let error)): return .fail(error)
        case .some(.none): return .end
        case .none:
            self.isStarved = true
            return .starved
        }
    }

    /// The transfer is over. Returns the reading task to let go on, which then stops, and what was never sent, to free.
    mutating func stop() -> (waiter: Waiter?, unsent: [[UInt8]]) {
        self.isStopped = true
        defer {
            self.chunks = []
            self.bytes = 0
            self.waiter = nil
        }
        return (self.waiter, self.chunks)
    }
}
