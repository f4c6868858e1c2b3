import CLiburing
package import Glibc

/// Transfers by io_uring.
@safe package final class RingQueue: LocalQueue {
    /// Submission entries, and the most requests in flight. A worker has a few chunks in flight, each one request in the
    /// common case; what a fragmented chunk needs beyond that waits in ``backlog``. The completion queue has twice as many
    /// entries, so it never overflows, which older kernels answer by refusing submissions.
    private static let entries: UInt32 = 128

    /// In memory of its own, because the kernel's side of the ring and liburing keep its address.
    private let ring: UnsafeMutablePointer<io_uring>
    private let wake: WakeEvent
    private var hasRegisteredBuffers = false
    /// Requests that the kernel has.
    private var inFlight: UInt32 = 0
    /// Requests that wait for others to end; those before ``backlogStart`` have been started.
    private var backlog: [IORequest] = []
    private var backlogStart = 0
    /// The token of the request that waits for the wake event.
    private static let wakeToken = UInt64.max

    /// - Throws: ``SystemCallError`` if the system does not allow io_uring, as containers usually don't.
    package init(wake: WakeEvent) throws(SystemCallError) {
        unsafe ring = try Self.makeRing()
        self.wake = wake
        armWake()
    }

    private static func makeRing() throws(SystemCallError) -> UnsafeMutablePointer<io_uring> {
        let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        unsafe ring.initialize(to: io_uring())
        // The fast flags need Linux 6.0; older kernels answer EINVAL.
        var status = unsafe io_uring_queue_init(
            entries, ring, UInt32(IORING_SETUP_COOP_TASKRUN) | UInt32(IORING_SETUP_SINGLE_ISSUER))
        if status == -EINVAL { status = unsafe io_uring_queue_init(entries, ring, 0) }
        guard status == 0 else {
            unsafe ring.deallocate()
            throw SystemCallError(attempt: "set up io_uring", errno: -status)
        }
        return unsafe ring
    }

    deinit {
        unsafe io_uring_queue_exit(ring)
        unsafe ring.deallocate()
    }

    package func register(_ memory: UnsafeMutableRawBufferPointer) {
        var vector = unsafe iovec(iov_base: memory.baseAddress, iov_len: memory.count)
        // Refused beyond RLIMIT_MEMLOCK (8 MiB by default for ordinary users); plain buffers are as fast in practice.
        hasRegisteredBuffers = unsafe io_uring_register_buffers(ring, &vector, 1) == 0
    }

    package func submit(_ request: IORequest) {
        if inFlight < Self.entries { start(request) } else { backlog.append(request) }
    }

    private func start(_ request: IORequest) {
        inFlight += 1
        let entry = unsafe nextEntry()
        let base = unsafe request.memory.baseAddress
        let count = UInt32(unsafe request.memory.count)
        // Safe: the request's memory is passed with its length and outlives the transfer by the protocol's contract.
        switch (request.direction, request.isRegistered && hasRegisteredBuffers) {
        case (.read, false): unsafe io_uring_prep_read(entry, request.descriptor, base, count, request.offset)
        case (.read, true): unsafe io_uring_prep_read_fixed(entry, request.descriptor, base, count, request.offset, 0)
        case (.write, false): unsafe io_uring_prep_write(entry, request.descriptor, base, count, request.offset)
        case (.write, true): unsafe io_uring_prep_write_fixed(entry, request.descriptor, base, count, request.offset, 0)
        }
        unsafe io_uring_sqe_set_data64(entry, request.token)
    }

    package func wait(_ completions: inout [IOCompletion]) {
        unsafe _ = io_uring_submit_and_wait(ring, 1)
        collect(&completions)
    }

    package func wait(_ completions: inout [IOCompletion], watching others: inout [pollfd]) {
        unsafe _ = io_uring_submit(ring)
        // A ring can be polled: it is readable when it has completions.
        others.append(pollfd(fd: unsafe ring.pointee.ring_fd, events: Int16(POLLIN), revents: 0))
        unsafe _ = poll(&others, nfds_t(others.count), -1)
        others.removeLast()
        collect(&completions)
    }

    /// Takes what has ended, and starts what waited for that.
    private func collect(_ completions: inout [IOCompletion]) {
        var completion: UnsafeMutablePointer<io_uring_cqe>?
        while unsafe io_uring_peek_cqe(ring, &completion) == 0, let entry = unsafe completion {
            if unsafe entry.pointee.user_data == Self.wakeToken {
                wake.take()
                armWake()
            } else {
                inFlight -= 1
                unsafe completions.append(IOCompletion(token: entry.pointee.user_data, result: entry.pointee.res))
            }
            unsafe io_uring_cqe_seen(ring, entry)
        }
        while inFlight < Self.entries, backlogStart < backlog.count {
            start(backlog[backlogStart])
            backlogStart += 1
        }
        if backlogStart == backlog.count {
            backlog.removeAll(keepingCapacity: true)
            backlogStart = 0
        }
    }

    private func armWake() {
        let entry = unsafe nextEntry()
        unsafe io_uring_prep_poll_add(entry, wake.descriptor, UInt32(POLLIN))
        unsafe io_uring_sqe_set_data64(entry, Self.wakeToken)
    }

    /// A free submission entry; makes room by submitting what is queued.
    private func nextEntry() -> UnsafeMutablePointer<liburing_sqe> {
        while true {
            if let entry = unsafe io_uring_get_sqe(ring) { return unsafe entry }
            unsafe _ = io_uring_submit(ring)
        }
    }
}
