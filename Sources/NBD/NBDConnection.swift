import CLibnbd
import Glibc
import Locking

/// A connection to an export. Every thread may use it, one at a time.
///
/// Calls that wait are for metadata. Data is transferred by ``transfer(_:at:memory:completion:)``, for which someone
/// polls the socket.
@safe package final class NBDConnection: Sendable {
    /// Safe to share: libnbd locks the handle in every call.
    nonisolated(unsafe) let handle: OpaquePointer
    /// Held by whoever may read from the socket, from polling it on: told to read where nothing is left to be read, libnbd waits
    /// for that and sends no request any more.
    let turn = Guarded(())
    /// A duplicate of the connection's socket: libnbd closes its own when the connection is lost.
    let socket: Int32

    /// Bytes of the export.
    package let size: UInt64
    package let isReadOnly: Bool
    /// Whether several connections see each other's writes, and a flush of one flushes them all.
    package let allowsOthers: Bool
    /// Whether the server can make a range zero without being sent zeros.
    package let canZero: Bool
    let canFlush: Bool
    /// Whether the server tells what is stored where.
    let hasBlockStatus: Bool
    let blockSize: NBDBlockSize

    /// Connects to the export at `uri`.
    /// - Parameter patience: how long the server may take to answer, in milliseconds.
    package init(uri: String, patience: Int) throws(NBDError) {
        let handle = try unsafe Self.connect(uri, patience: patience)
        unsafe self.handle = handle
        socket = unsafe fcntl(nbd_aio_get_fd(handle), F_DUPFD_CLOEXEC, 0)
        size = UInt64(clamping: unsafe nbd_get_size(handle))
        isReadOnly = unsafe nbd_is_read_only(handle) == 1
        allowsOthers = unsafe nbd_can_multi_conn(handle) == 1
        canZero = unsafe nbd_can_zero(handle) == 1
        canFlush = unsafe nbd_can_flush(handle) == 1
        hasBlockStatus = unsafe nbd_can_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1
        blockSize = NBDBlockSize(
            minimum: UInt64(clamping: unsafe nbd_get_block_size(handle, LIBNBD_SIZE_MINIMUM)),
            maximum: UInt64(clamping: unsafe nbd_get_block_size(handle, LIBNBD_SIZE_MAXIMUM)), exportSize: size)
        guard socket >= 0 else { throw NBDError(message: "can't duplicate the socket", errno: errno) }
    }

    deinit {
        // Does not wait.
        if unsafe nbd_aio_is_ready(handle) == 1 { unsafe _ = nbd_aio_disconnect(handle, 0) }
        unsafe nbd_close(handle)
        close(socket)
    }

    private static func connect(_ uri: String, patience: Int) throws(NBDError) -> OpaquePointer {
        guard let handle = unsafe nbd_create() else { throw .last }
        do throws(NBDError) {
            unsafe try connect(handle, uri, patience: patience)
        } catch {
            unsafe nbd_close(handle)
            throw error
        }
        return unsafe handle
    }

    private static func connect(_ handle: OpaquePointer, _ uri: String, patience: Int) throws(NBDError) {
        guard
            // What later versions of libnbd may add, such as running commands, is not wanted.
            unsafe nbd_set_uri_allow_transports(handle, LIBNBD_ALLOW_TRANSPORT_TCP | LIBNBD_ALLOW_TRANSPORT_UNIX) == 0,
            // The keys of TLS: URIs come from the user, never from images.
            unsafe nbd_set_uri_allow_local_file(handle, true) == 0,
            unsafe nbd_add_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0,
            // Memory is looked at only after a read has succeeded; clearing it before would cost bandwidth.
            unsafe nbd_set_pread_initialize(handle, false) == 0,
            // The server has the last word on what is beyond its end, or not aligned to blocks: ENOSPC, not EINVAL.
            unsafe nbd_set_strict_mode(
                handle, LIBNBD_STRICT_COMMANDS | LIBNBD_STRICT_FLAGS | LIBNBD_STRICT_ZERO_SIZE) == 0,
            unsafe nbd_aio_connect_uri(handle, uri) == 0
        else { throw .last }
        let deadline = ContinuousClock.now + .milliseconds(patience)
        while unsafe nbd_aio_is_connecting(handle) == 1 {
            guard ContinuousClock.now < deadline else {
                throw NBDError(
                    message: "the server does not answer, perhaps because it serves another client", errno: ETIMEDOUT)
            }
            // In steps, for the server may keep us busy with the handshake.
            guard unsafe nbd_poll(handle, 100) >= 0 else { throw .last }
        }
        guard unsafe nbd_aio_is_ready(handle) == 1 else { throw .last }
    }

    // MARK: Calls that wait

    /// Reads at least one byte from `offset`, which lies in the export.
    /// - Returns: how many bytes at the start of `buffer` have been filled.
    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(NBDError) -> Int {
        let transfer = unsafe NBDTransfer(.read, at: offset, memory: buffer, blockSize)
        try wait {
            // Safe: the memory is passed with its length.
            unsafe nbd_pread(handle, transfer.requested.baseAddress, transfer.requested.count, transfer.offset, 0)
        }
        transfer.finish()
        return transfer.length
    }

    /// Makes `range`, whole blocks, zero: by a request, or by writing zeros if the server has no such request. Whether it would be
    /// fast is not asked: a server that writes the zeros itself is still faster than one that must be sent them.
    package func zero(_ range: Range<UInt64>) throws(NBDError) {
        if canZero {
            return try wait { unsafe nbd_zero(handle, UInt64(range.count), range.lowerBound, 0) }
        }
        let zeros = [UInt8](repeating: 0, count: Int(min(blockSize.maximum, 1 << 20, UInt64(range.count))))
        var position = range.lowerBound
        while position < range.upperBound {
            let count = min(UInt64(zeros.count), range.upperBound - position)
            // Safe: the array has `count` bytes.
            try wait { unsafe nbd_pwrite(handle, zeros, Int(count), position, 0) }
            position += count
        }
    }

    /// Waits until the server has answered every request, and then until all that was written is safe.
    package func flush() throws(NBDError) {
        try wait {
            while unsafe nbd_aio_in_flight(handle) > 0 {
                guard unsafe nbd_poll(handle, -1) >= 0 else { return -1 }
            }
            return canFlush ? unsafe nbd_flush(handle, 0) : 0
        }
    }

    /// Makes a call of libnbd that returns 0 if it succeeds.
    func wait(_ call: () -> Int32) throws(NBDError) {
        try turn.withLock { _ throws(NBDError) in
            guard call() == 0 else { throw failure }
        }
    }

    /// The error of the last call of this thread, which has failed.
    var failure: NBDError {
        var error = NBDError.last
        if !isAlive { error.errno = ENOTCONN }
        return error
    }
}
