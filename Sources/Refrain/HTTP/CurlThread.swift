import CCurl
import RefrainKeys

/// The thread on which everything is done with libcurl, and the executor of ``CurlEngine``, so that the compiler knows
/// what runs on it.
///
/// It is started by the first command. What is posted is kept in order and done before libcurl's next turn. It is never
/// also a `TaskExecutor`: a task that prefers it would run all of its code between two turns.
final class CurlThread: SerialExecutor {
    /// What the thread is asked to do, from any other.
    enum Command: Sendable {
        case start(Exchange)
        case cancel(Exchange)
        case resumeDownload(Exchange)
        case resumeUpload(Exchange)
    }

    private enum Stage: Sendable {
        case unstarted
        case running
        case stopping
        case ended
    }

    private struct State {
        var stage = Stage.unstarted
        var commands: [Command] = []
        var jobs: [UnownedJob] = []
        /// What wakes the thread. There while it runs and after it began to look at the queues.
        var wakeable: Wakeable?
        /// The thread, until somebody joins or detaches it.
        var handle: refrain_curl_thread?
        /// Who waits for the thread to end.
        var waiters: [CheckedContinuation<Void, Never>] = []
        /// After the end: somebody runs the jobs that came too late.
        var runsLateJobs = false

        /// Wakes the thread if this is the first thing in the queues since it looked.
        ///
        /// Under the lock, because only there is it certain that the handle is not being freed. It is one write to a
        /// pipe that does not block.
        func wakeIfFirst() {
            if self.commands.count + self.jobs.count == 1 { self.wake() }
        }

        func wake() {
            if let wakeable { curl_multi_wakeup(wakeable.multi) }
        }
    }

    /// A multi handle as other threads may use it.
    ///
    /// `@unchecked Sendable`: the one function called with it is `curl_multi_wakeup`, which libcurl documents as callable
    /// from any thread; it is called only while the handle is in ``State/wakeable``, from where the thread takes it,
    /// under the same lock, before it frees it.
    struct Wakeable: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
    }

    private let state = Locked(State())

    /// Where the thread takes its engine from.
    private final class Start {
        let thread: CurlThread
        let engine: CurlEngine

        init(thread: CurlThread, engine: CurlEngine) {
            self.thread = thread
            self.engine = engine
        }
    }

    // MARK: From other threads

    /// Has the thread do something; false where it has ended or is about to.
    func post(_ command: Command) -> Bool {
        self.state.withLock { state in
            switch state.stage {
            case .unstarted, .running:
                state.commands.append(command)
                state.wakeIfFirst()
                return true
            case .stopping, .ended: return false
            }
        }
    }

    /// Starts the thread if that has not happened. It keeps `engine` until it ends.
    func start(_ engine: CurlEngine) throws(TransportError) {
        let begins = self.state.withLock { state in
            guard state.stage == .unstarted else { return false }
            state.stage = .running
            return true
        }
        guard begins else { return }
        // +1 for the thread, whose main function takes it; taken back here where there is no thread.
        let start = Unmanaged.passRetained(Start(thread: self, engine: engine))
        var handle = refrain_curl_thread()
        let status = refrain_curl_thread_start(&handle, { CurlThread.main($0) }, start.toOpaque())
        guard status == 0 else {
            start.release()
            let error = TransportError(.unexpected, during: .request, "no thread can be started (errno \(status))")
            self.end(error)
            throw error
        }
        let isOwned = self.state.withLock { state in
            // Whoever asked the thread to stop in the meantime found no handle.
            guard state.stage == .running else { return false }
            state.handle = handle
            return true
        }
        if !isOwned { refrain_curl_thread_detach(handle) }
    }

    /// Asks the thread to end, without waiting: for a `deinit`, which may itself run on the thread.
    func stop() {
        let handle: refrain_curl_thread? = self.state.withLock { state in
            switch state.stage {
            case .unstarted: state.stage = .ended
            case .running:
                state.stage = .stopping
                state.wake()
            case .stopping, .ended: break
            }
            return state.handle.take()
        }
        if let handle { refrain_curl_thread_detach(handle) }
    }

    /// Asks the thread to end, and returns when it has.
    func shutdown() async {
        await withCheckedContinuation { continuation in
            let isOver = self.state.withLock { state in
                switch state.stage {
                case .unstarted:
                    state.stage = .ended
                    return true
                case .running, .stopping:
                    state.stage = .stopping
                    state.waiters.append(continuation)
                    state.wake()
                    return false
                case .ended: return true
                }
            }
            if isOver { continuation.resume() }
        }
        // The thread's last act was to resume this task, so joining it waits for a few instructions.
        if let handle = self.state.withLock({ $0.handle.take() }) { refrain_curl_thread_join(handle) }
    }

    // MARK: SerialExecutor

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let runsHere = self.state.withLock { state in
            state.jobs.append(job)
            guard state.stage == .ended else {
                state.wakeIfFirst()
                return false
            }
            defer { state.runsLateJobs = true }
            return !state.runsLateJobs
        }
        if runsHere { self.runLateJobs() }
    }

    /// Whether this thread is the one. The runtime asks before `assumeIsolated`.
    func checkIsolated() {
        precondition(
            refrain_curl_thread_mark() == UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()),
            "not on the curl thread")
    }

    func isIsolatingCurrentContext() -> Bool? {
        refrain_curl_thread_mark() == UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    /// Runs what was enqueued after the thread's end, one after the other, wherever the first of them came from: a task
    /// that calls the engine late must get its answer all the same.
    private func runLateJobs() {
        while true {
            let jobs = self.state.withLock { state in
                defer { state.jobs = [] }
                if state.jobs.isEmpty { state.runsLateJobs = false }
                return state.jobs
            }
            if jobs.isEmpty { return }
            let mark = refrain_curl_thread_mark()
            refrain_curl_thread_set_mark(Unmanaged.passUnretained(self).toOpaque())
            for job in jobs { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
            refrain_curl_thread_set_mark(mark)
        }
    }

    // MARK: On the thread

    private static func main(_ context: UnsafeMutableRawPointer) {
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        refrain_curl_thread_set_mark(Unmanaged.passUnretained(start.thread).toOpaque())
        start.thread.run(start.engine)
        refrain_curl_thread_set_mark(nil)
    }

    private func run(_ engine: CurlEngine) {
        guard let wakeable = engine.assumeIsolated({ $0.open() }) else {
            self.end(TransportError(.unexpected, during: .request, "libcurl cannot be initialised"))
            return
        }
        self.state.withLock { $0.wakeable = wakeable }
        while self.serveQueues(engine) {
            engine.assumeIsolated { $0.turn() }
            engine.assumeIsolated { $0.wait() }
        }
        // Nobody wakes what is about to be freed.
        self.state.withLock { $0.wakeable = nil }
        engine.assumeIsolated { $0.close() }
        self.end(.closed)
    }

    /// Does what was posted; false when the thread is to end. A function of its own so that no call is kept alive
    /// while the thread waits.
    private func serveQueues(_ engine: CurlEngine) -> Bool {
        let (commands, jobs, isStopping) = self.state.withLock { state in
            defer {
                state.commands = []
                state.jobs = []
            }
            return (state.commands, state.jobs, state.stage == .stopping)
        }
        for job in jobs { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
        engine.assumeIsolated { engine in
            for command in commands { engine.perform(command) }
        }
        return !isStopping
    }

    /// The last act of the thread, or of the attempt to start it.
    private func end(_ error: TransportError) {
        let (commands, waiters, runsJobs) = self.state.withLock { state in
            state.stage = .ended
            defer {
                state.commands = []
                state.waiters = []
                state.runsLateJobs = !state.jobs.isEmpty
            }
            return (state.commands, state.waiters, !state.jobs.isEmpty)
        }
        for case .start(let exchange) in commands { exchange.end(error) }
        if runsJobs { self.runLateJobs() }
        for waiter in waiters { waiter.resume() }
    }
}
