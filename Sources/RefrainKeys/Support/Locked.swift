#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A value behind a lock: the project's one lock type.
///
/// It is a pthread mutex, which ThreadSanitizer understands (it does not understand `Synchronization.Mutex` on Linux).
/// Locks are leaves: inside ``withLock(_:)`` never create or resume a continuation, call user code, log, or free a
/// large value.
///
/// `@unchecked Sendable`: `storage` and `mutex` are allocated in `init`, freed in `deinit`, never replaced, and
/// `storage` is reached only in ``withLock(_:)``, while the mutex is held. `State` need not be `Sendable`, since what
/// goes in is `sending` and what comes out is `sending`.
package final class Locked<State: ~Copyable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let storage: UnsafeMutablePointer<State>

    /// Creates a lock that guards `state`.
    package init(_ state: consuming sending State) {
        self.mutex = .allocate(capacity: 1)
        self.mutex.initialize(to: pthread_mutex_t())
        let status = pthread_mutex_init(self.mutex, nil)
        // Only a machine out of memory refuses a default mutex.
        precondition(status == 0, "pthread_mutex_init failed with \(status)")
        self.storage = .allocate(capacity: 1)
        self.storage.initialize(to: state)
    }

    deinit {
        self.storage.deinitialize(count: 1)
        self.storage.deallocate()
        pthread_mutex_destroy(self.mutex)
        self.mutex.deinitialize(count: 1)
        self.mutex.deallocate()
    }

    /// Runs `body` with exclusive access to the state.
    @inline(__always)
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        return try body(&self.storage.pointee)
    }
}
