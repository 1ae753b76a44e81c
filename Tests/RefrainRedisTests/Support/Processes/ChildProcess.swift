import Foundation
import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Another program, running: it can be frozen, thawed and killed, and ends with whoever holds it.
///
/// Its signal mask is empty, whatever the thread's that starts it, and it inherits no descriptor but its three standard
/// ones, so that no port of a test stays bound by a child. On Linux it also ends with the test process itself, however
/// that ends, where `setpriv` is installed.
final class ChildProcess: Sendable {
    /// Where something that the program writes goes.
    enum Output: Sendable {
        /// Nowhere.
        case discarded
        /// To the end of a file.
        case file(URL)
        /// To a stream of lines: ``ChildProcess/output`` or ``ChildProcess/errors``.
        case lines
    }

    /// The program could not be started.
    struct Failure: Error, CustomStringConvertible {
        var executable: String
        var code: Int32
        var description: String { "cannot start \(self.executable): error \(self.code)" }
    }

    /// What has become of the program.
    fileprivate struct Fate {
        var status: Int32?
        var waiters: [CheckedContinuation<Int32, Never>] = []
    }

    /// Its process id.
    let pid: pid_t
    /// The lines of its standard output, for one reader; empty where they go elsewhere.
    let output: AsyncStream<String>
    /// The lines of its standard error, for one reader; empty where they go elsewhere.
    let errors: AsyncStream<String>
    private let fate: Locked<Fate>

    private init(pid: pid_t, output: AsyncStream<String>, errors: AsyncStream<String>, fate: Locked<Fate>) {
        self.pid = pid
        self.output = output
        self.errors = errors
        self.fate = fate
    }

    deinit { self.signal(SIGKILL) }

    /// Starts a program.
    /// - Parameters:
    ///   - executable: its path, or a name to look for in `PATH`.
    ///   - environment: what is added to the test's own environment, from which nothing of Anthropic's or Refrain's own is
    ///     passed on.
    static func start(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
        output: Output = .lines, errors: Output = .lines
    ) async throws -> ChildProcess {
        let inherited = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("ANTHROPIC_") && !$0.key.hasPrefix("REFRAIN_") }
        let launch = Launch(
            executable: executable, arguments: arguments, environment: inherited.merging(environment) { $1 },
            output: try Sink(output), errors: try Sink(errors))
        let fate = Locked(Fate())
        // The thread that starts the program also waits for its end: to the kernel that thread is the parent, with which
        // the program is to end, and the threads that run tasks come and go.
        let pid = try await withCheckedThrowingContinuation { (started: CheckedContinuation<pid_t, any Error>) in
            let thread = Thread {
                let pid: pid_t
                do {
                    pid = try launch.run()
                } catch {
                    started.resume(throwing: error)
                    return
                }
                started.resume(returning: pid)
                Self.reap(pid, fate)
            }
            thread.stackSize = 256 << 10
            thread.start()
        }
        return ChildProcess(pid: pid, output: launch.output.lines, errors: launch.errors.lines, fate: fate)
    }

    /// Waits for the end of the program, then forgets its id under the lock that each use of the id holds: nothing is
    /// ever sent to a process that got the same id later.
    private static func reap(_ pid: pid_t, _ fate: Locked<Fate>) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (status, waiters) = fate.withLock { fate in
            var raw: Int32 = 0
            while waitpid(pid, &raw, 0) < 0, errno == EINTR {}
            // An exit code, or what a shell makes of a signal.
            let status = raw & 0x7F == 0 ? (raw >> 8) & 0xFF : 128 + (raw & 0x7F)
            fate.status = status
            defer { fate.waiters = [] }
            return (status, fate.waiters)
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }

    /// Its exit status, or 128 and the number of the signal that ended it; nil while it runs.
    var status: Int32? { self.fate.withLock { $0.status } }

    /// Waits until it has ended, whether the task is cancelled or not, and gives its status.
    @discardableResult
    func waitUntilExit() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status = self.fate.withLock { fate in
                if fate.status == nil { fate.waiters.append(continuation) }
                return fate.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// Asks it to end (SIGTERM).
    func terminate() { self.signal(SIGTERM) }

    /// Ends it (SIGKILL), frozen or not, and waits until it is gone.
    @discardableResult
    func kill() async -> Int32 {
        self.signal(SIGKILL)
        return await self.waitUntilExit()
    }

    /// Stops it in the middle of whatever it does (SIGSTOP): when this returns, none of its threads runs.
    func freeze() {
        guard self.signal(SIGSTOP) else { return }
        // The signal takes effect within microseconds, unless the program is inside an uninterruptible call.
        var info = siginfo_t()
        while waitid(P_PID, id_t(self.pid), &info, WSTOPPED | WEXITED | WNOWAIT) != 0, errno == EINTR {}
    }

    /// Lets it go on (SIGCONT).
    func thaw() { self.signal(SIGCONT) }

    /// Sends a signal; false where there is nobody left to get it.
    @discardableResult
    func signal(_ number: Int32) -> Bool {
        self.fate.withLock { $0.status == nil && send(number, to: self.pid) }
    }
}

/// The system's `kill`, whose name a method of ``ChildProcess`` hides.
private func send(_ signal: Int32, to pid: pid_t) -> Bool { kill(pid, signal) == 0 }

/// Starts a program, always kills it when `body` is over, and waits for its end.
func withChildProcess<Result>(
    _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
    output: ChildProcess.Output = .lines, errors: ChildProcess.Output = .lines,
    _ body: (ChildProcess) async throws -> Result
) async throws -> Result {
    let process = try await ChildProcess.start(
        executable, arguments, environment: environment, output: output, errors: errors)
    do {
        let result = try await body(process)
        await process.kill()
        return result
    } catch {
        await process.kill()
        throw error
    }
}
