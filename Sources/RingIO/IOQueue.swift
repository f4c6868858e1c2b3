package import Glibc

/// A transfer between a file and memory.
@safe package struct IORequest {
    package enum Direction: Sendable {
        case read
        case write
    }

    /// What is read or written.
    package enum Target: Sendable {
        /// A file or device.
        case descriptor(Int32)
        /// An export of a server, for queues that know it by the object that stands for it.
        case export(ObjectIdentifier)
    }

    package var direction: Direction
    package var target: Target
    /// Byte offset in the file.
    package var offset: UInt64
    /// The memory; it stays untouched by the caller until the completion.
    package var memory: UnsafeMutableRawBufferPointer
    /// Whether the memory lies in what was given to ``IOQueue/register(_:)``.
    package var isRegistered: Bool
    /// Comes back with the completion.
    package var token: UInt64

    package init(
        _ direction: Direction, _ target: Target, offset: UInt64, memory: UnsafeMutableRawBufferPointer,
        isRegistered: Bool, token: UInt64
    ) {
        self.direction = direction
        self.target = target
        self.offset = offset
        unsafe self.memory = unsafe memory
        self.isRegistered = isRegistered
        self.token = token
    }
}

/// The end of a transfer.
package struct IOCompletion: Sendable {
    package var token: UInt64
    /// Bytes transferred, perhaps fewer than asked for, or a negated errno.
    package var result: Int32

    package init(token: UInt64, result: Int32) {
        self.token = token
        self.result = result
    }
}

/// Transfers of one worker thread, which is the only one to call it.
package protocol IOQueue: AnyObject {
    /// Makes `memory` known to the kernel so that transfers need not look it up each time. Refusal is no error.
    func register(_ memory: UnsafeMutableRawBufferPointer)

    /// Starts a transfer, or does it.
    func submit(_ request: IORequest)

    /// Waits until a transfer has ended or another thread calls the ``WakeEvent``, and appends what has ended.
    func wait(_ completions: inout [IOCompletion])
}

/// A queue for the files of this machine. Two kinds: io_uring, and pread/pwrite.
package protocol LocalQueue: IOQueue {
    /// Like ``IOQueue/wait(_:)``, but ends also when a descriptor of `others` is ready, which they then tell.
    func wait(_ completions: inout [IOCompletion], watching others: inout [pollfd])
}

extension IORequest {
    /// The descriptor of a request that a ``LocalQueue`` has got.
    var descriptor: Int32 {
        guard case .descriptor(let descriptor) = target else {
            preconditionFailure("only a connection reaches an export")
        }
        return descriptor
    }
}
