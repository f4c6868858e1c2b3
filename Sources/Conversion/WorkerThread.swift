import CLinux
package import DiskImage
import Glibc
import SystemPackage

/// A thread of our own: waiting for a ring must not block Swift's cooperative pool.
package struct WorkerThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let thread: pthread_t

    /// Starts a thread that runs `body` and must be joined.
    init(_ body: @escaping @Sendable () -> Void) throws(ImageError) {
        thread = try Self.start(body, isDetached: false)
    }

    /// Runs `body` on `count` threads, each with its number, and waits until all have ended. That one can't be started makes
    /// `job` fail.
    static func run(_ count: Int, _ job: Job, _ body: @escaping @Sendable (Int) -> Void) {
        var threads: [WorkerThread] = []
        for number in 0..<count {
            do throws(ImageError) {
                threads.append(try WorkerThread { body(number) })
            } catch {
                job.fail(error)
            }
        }
        for thread in threads { thread.join() }
    }

    /// Runs `body` on a thread that nobody waits for.
    package static func detach(_ body: @escaping @Sendable () -> Void) throws(ImageError) {
        _ = try start(body, isDetached: true)
    }

    /// Waits until the thread has ended.
    func join() {
        _ = pthread_join(thread, nil)
    }

    private static func start(
        _ body: @escaping @Sendable () -> Void, isDetached: Bool
    ) throws(ImageError) -> pthread_t {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        let state = isDetached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE
        unsafe pthread_attr_setdetachstate(&attributes, Int32(state))
        let box = unsafe Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        // Safe: the new thread takes over the reference that is passed to it, unless it can't be created.
        let status = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            unsafe box.release()
            throw ImageError(.outputFailed, "can't start a thread", errno: Errno(rawValue: status))
        }
        return thread
    }
}
