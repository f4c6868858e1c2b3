import CLibnbd
package import Glibc
import Locking
import Synchronization

/// Requests that are not waited for. They make progress while someone polls ``pollRequest`` and calls ``process()``, or while
/// anyone makes a call that waits.
extension NBDConnection {
    package enum Direction: Sendable {
        case read
        case write
    }

    /// Told once what has become of a request: bytes transferred, perhaps fewer than asked for, or a negated errno. Called
    /// from any thread that uses the connection; must not use it itself.
    package typealias Completion = @Sendable (Int32) -> Void

    /// Starts a transfer of `memory`, which stays untouched by the caller until the completion: by requests of at most
    /// ``requestLength``, all under way at once.
    /// - Parameter offset: where in the export; of a write a multiple of the server's block size, as is its length.
    package func transfer(
        _ direction: Direction, at offset: UInt64, memory: UnsafeMutableRawBufferPointer,
        completion: @escaping Completion
    ) {
        let whole = NBDTransferParts(length: memory.count, completion: completion)
        var position = 0
        while position < memory.count {
            // Safe: the next part of the memory.
            let part = unsafe UnsafeMutableRawBufferPointer(
                rebasing: memory[position..<min(position + Self.requestLength, memory.count)])
            let transfer = unsafe NBDTransfer(direction, at: offset + UInt64(position), memory: part, blockSize)
            request(direction, transfer, at: position, of: whole)
            position += transfer.length
        }
        whole.begun()
    }

    /// Servers have a buffer for every request they work on. With memory on both sides and 2 processors `nbdcopy` takes a third
    /// longer with 2 MiB than with 256 KiB, for which all buffers together stay in the processor's cache.
    private static let requestLength = 256 << 10

    private func request(
        _ direction: Direction, _ transfer: NBDTransfer, at position: Int, of whole: NBDTransferParts
    ) {
        let (address, count) = unsafe (transfer.requested.baseAddress, transfer.requested.count)
        let end: @Sendable (Int32) -> Void = { errno in
            if errno == 0 { transfer.finish() }
            whole.ended(at: position, errno)
        }
        whole.begins()
        // Safe: the memory is passed with its length and lives as long as `transfer`, which libnbd holds until the end.
        unsafe start(end) { callback in
            switch direction {
            case .read: unsafe nbd_aio_pread(handle, address, count, transfer.offset, callback, 0)
            case .write: unsafe nbd_aio_pwrite(handle, address, count, transfer.offset, callback, 0)
            }
        }
    }

    /// Starts to make `range`, whole blocks, zero; the server ``canZero``.
    package func zero(_ range: Range<UInt64>, completion: @escaping Completion) {
        unsafe start({ completion(-$0) }) { callback in
            unsafe nbd_aio_zero(handle, UInt64(range.count), range.lowerBound, callback, 0)
        }
    }

    /// Holds what is to be called for libnbd, which knows only a pointer.
    private final class End: Sendable {
        let call: @Sendable (_ errno: Int32) -> Void
        init(_ call: @escaping @Sendable (Int32) -> Void) { self.call = call }
    }

    /// Starts a request by `issue`, which gives libnbd the callback that calls `end`.
    private func start(_ end: @escaping @Sendable (Int32) -> Void, _ issue: (nbd_completion_callback) -> Int64) {
        var callback = unsafe nbd_completion_callback()
        // Safe: libnbd calls `free` once, after the last use of the pointer, also if the request can't be issued.
        unsafe callback.user_data = Unmanaged.passRetained(End(end)).toOpaque()
        unsafe callback.callback = { data, errno in
            guard let data = unsafe data, let errno = unsafe errno else { return 1 }
            unsafe Unmanaged<End>.fromOpaque(data).takeUnretainedValue().call(errno.pointee)
            // Nobody asks for the result again.
            return 1
        }
        unsafe callback.free = { data in
            if let data = unsafe data { unsafe Unmanaged<End>.fromOpaque(data).release() }
        }
        let errno = turn.withLock { _ in unsafe issue(callback) < 0 ? failure.errno : 0 }
        // A request that is not issued is not called back.
        if errno != 0 { end(errno) }
    }

    // MARK: Polling

    /// Whether requests can be made.
    package var isAlive: Bool { unsafe nbd_aio_is_dead(handle) == 0 && nbd_aio_is_closed(handle) == 0 }

    /// What to wait for.
    package var pollRequest: pollfd {
        let direction = unsafe nbd_aio_get_direction(handle)
        var events: Int16 = 0
        if direction & UInt32(LIBNBD_AIO_DIRECTION_READ) != 0 { events |= Int16(POLLIN) }
        if direction & UInt32(LIBNBD_AIO_DIRECTION_WRITE) != 0 { events |= Int16(POLLOUT) }
        return pollfd(fd: socket, events: events, revents: 0)
    }

    /// Goes on where the socket lets it.
    package func process() {
        turn.withLock { _ in
            // Another thread may have been here since the caller polled.
            var request = pollRequest
            guard unsafe poll(&request, 1, 0) == 1 else { return }
            // What follows may make the other step wrong. What fails is told to the requests.
            if request.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
                unsafe _ = nbd_aio_notify_read(handle)
            } else {
                unsafe _ = nbd_aio_notify_write(handle)
            }
        }
    }

    /// Ends all requests, waiting calls among them, with an error: as if the server had gone.
    package func interrupt() {
        _ = shutdown(socket, Int32(SHUT_RDWR))
    }
}
