import Glibc

/// A value that one thread at a time can reach, by a pthread mutex.
///
/// Not `Synchronization.Mutex`: ThreadSanitizer does not see that lock (it is a futex inside a library without
/// instrumentation) and would report every use, and its hand-over through the kernel showed up in profiles.
@safe
package final class Guarded<Value>: Sendable {
    /// Safe: the value is only touched under the lock.
    nonisolated(unsafe) private let value: UnsafeMutablePointer<Value>
    /// Safe: made for being shared.
    nonisolated(unsafe) private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    package init(_ initial: consuming sending Value) {
        unsafe value = .allocate(capacity: 1)
        unsafe value.initialize(to: initial)
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
    }

    /// Runs `body` with the value, alone.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try unsafe body(&value.pointee)
    }
}
