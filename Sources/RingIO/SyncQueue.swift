package import Glibc

/// Transfers by pread and pwrite, done when submitted. For systems that refuse io_uring.
package final class SyncQueue: LocalQueue {
    private let wake: WakeEvent
    private var ended: [IOCompletion] = []

    package init(wake: WakeEvent) {
        self.wake = wake
    }

    package func register(_ memory: UnsafeMutableRawBufferPointer) {}

    package func submit(_ request: IORequest) {
        var result: Int
        repeat {
            // Safe: the request's memory is passed with its length.
            result =
                switch request.direction {
                case .read:
                    unsafe pread(
                        request.descriptor, request.memory.baseAddress, request.memory.count, off_t(request.offset))
                case .write:
                    unsafe pwrite(
                        request.descriptor, request.memory.baseAddress, request.memory.count, off_t(request.offset))
                }
        } while result < 0 && errno == EINTR
        ended.append(IOCompletion(token: request.token, result: result < 0 ? -errno : Int32(result)))
    }

    package func wait(_ completions: inout [IOCompletion]) {
        var others: [pollfd] = []
        wait(&completions, watching: &others)
    }

    package func wait(_ completions: inout [IOCompletion], watching others: inout [pollfd]) {
        others.append(pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0))
        unsafe _ = poll(&others, nfds_t(others.count), ended.isEmpty ? -1 : 0)
        others.removeLast()
        wake.take()
        completions += ended
        ended.removeAll(keepingCapacity: true)
    }
}
