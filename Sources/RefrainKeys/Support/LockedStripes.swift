#if canImport(Glibc)
    package import Glibc
#elseif canImport(Musl)
    package import Musl
#elseif canImport(Darwin)
    package import Darwin
#endif

/// Several values, each behind its own lock, side by side in one block of memory: ``Locked``, for the hit path.
///
/// An array of ``Locked`` objects costs a retain and a release at each access, and lets neighbours share cache lines.
/// Here each lock and its value start on a line of their own (128 bytes, since processors fetch lines in pairs).
/// The same rule holds: locks are leaves, and never more than one is held.
///
/// `@unchecked Sendable`: `memory` is allocated in `init`, freed in `deinit` and never replaced; a value in it is reached
/// only in ``withLock(_:_:)``, while its own mutex is held.
package final class LockedStripes<State: ~Copyable>: @unchecked Sendable {
    @usableFromInline package let memory: UnsafeMutableRawPointer
    @usableFromInline package let stride: Int
    @usableFromInline package let stateOffset: Int
    /// The number of values.
    package let count: Int

    /// Creates `count` values (at least one), each by a call of `make` with its index.
    package init(count: Int, _ make: (Int) -> sending State) {
        let alignment = max(128, MemoryLayout<State>.alignment)
        let stateAlignment = MemoryLayout<State>.alignment
        let count = max(1, count)
        self.count = count
        self.stateOffset =
            (MemoryLayout<pthread_mutex_t>.size + stateAlignment - 1) / stateAlignment * stateAlignment
        self.stride = (self.stateOffset + MemoryLayout<State>.size + alignment - 1) / alignment * alignment
        self.memory = .allocate(byteCount: self.stride * count, alignment: alignment)
        for index in 0..<count {
            _ = (self.memory + index * self.stride).bindMemory(to: pthread_mutex_t.self, capacity: 1)
            let mutex = self.mutex(index)
            mutex.initialize(to: pthread_mutex_t())
            let status = pthread_mutex_init(mutex, nil)
            // Only a machine out of memory refuses a default mutex.
            precondition(status == 0, "pthread_mutex_init failed with \(status)")
            (self.memory + index * self.stride + self.stateOffset).bindMemory(to: State.self, capacity: 1)
                .initialize(to: make(index))
        }
    }

    deinit {
        for index in 0..<self.count {
            let mutex = self.mutex(index)
            (self.memory + index * self.stride + self.stateOffset).assumingMemoryBound(to: State.self)
                .deinitialize(count: 1)
            pthread_mutex_destroy(mutex)
            mutex.deinitialize(count: 1)
        }
        self.memory.deallocate()
    }

    /// Runs `body` with exclusive access to the value at `index`, which must be less than ``count``.
    @inlinable
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ index: Int, _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        let mutex = self.mutex(index)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(
            &(UnsafeMutableRawPointer(mutex) + self.stateOffset).assumingMemoryBound(to: State.self).pointee)
    }

    /// The lock at `index`, with which its stripe begins.
    @inlinable
    package func mutex(_ index: Int) -> UnsafeMutablePointer<pthread_mutex_t> {
        (self.memory + index * self.stride).assumingMemoryBound(to: pthread_mutex_t.self)
    }
}
