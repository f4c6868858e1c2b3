import CLinux
import Glibc

/// Lets other threads end a worker's wait: an eventfd.
package final class WakeEvent: Sendable {
    let descriptor: Int32

    /// - Throws: ``SystemCallError`` if the process has no descriptors left.
    package init() throws(SystemCallError) {
        descriptor = linux_eventfd()
        guard descriptor >= 0 else {
            throw SystemCallError(attempt: "create an eventfd", errno: errno)
        }
    }

    deinit {
        close(descriptor)
    }

    /// Ends the current wait of the queue that has this event, or the next one.
    package func signal() {
        var one: UInt64 = 1
        // EAGAIN means that the event is already signalled more often than anyone counts.
        unsafe _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Waits for a signal and takes it.
    package func wait() {
        var pollRequest = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        unsafe _ = poll(&pollRequest, 1, -1)
        take()
    }

    /// Waits until the descriptor `other` can be written to, or for a signal.
    package func wait(untilWritable other: Int32) {
        var requests = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other, events: Int16(POLLOUT), revents: 0),
        ]
        unsafe _ = poll(&requests, nfds_t(requests.count), -1)
        take()
    }

    /// Takes pending signals.
    func take() {
        var count: UInt64 = 0
        unsafe _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
