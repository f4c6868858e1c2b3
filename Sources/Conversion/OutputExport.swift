import ByteLayout
import DiskImage
import Locking
import NBD
import RingIO
import SystemPackage

/// An export of an NBD server, which is overwritten in place with a raw disk.
final class OutputExport: OutputEndpoint {
    let path: String
    private let server: NBDExport
    /// Bytes of the disk.
    private let size: UInt64
    private let job: Job
    private let zeroing = Guarded(Zeroing())

    private struct Zeroing {
        /// Requests that the server has not answered.
        var count = 0
        /// The first that failed.
        var failure: ImageError?
    }

    /// The most that is zeroed by a request, in bytes: no more than QEMU's servers take, and little enough for those that
    /// write the zeros.
    private static let maximumZeros: UInt64 = 1 << 30
    /// How many such requests may wait for answers. A disk has many small runs of zeros; waiting for each would take longer
    /// than to write the data.
    private static let maximumRequests = 32

    /// Connects to the export at `uri`; nothing is written yet.
    /// - Parameters:
    ///   - size: bytes of the disk; 0 if only its end will tell.
    ///   - sources: what the output must not be.
    /// - Throws: `outputExists`, `outputFailed`.
    init(uri: String, size: UInt64, sources: [FileIdentity], job: Job) throws(ImageError) {
        guard !sources.contains(FileIdentity(uri: uri)) else {
            throw ImageError(.outputExists, "the output is the input", advice: "choose another export", path: uri)
        }
        do throws(NBDError) {
            server = try NBDExport(uri: uri)
        } catch {
            throw ImageError(.outputFailed, "can't connect to the server: \(error.message)", path: uri)
        }
        guard !server.control.isReadOnly else {
            throw ImageError(
                .outputFailed, "the export is read-only", advice: "start its server without the option for that",
                path: uri)
        }
        // The block in which the disk ends is written whole.
        guard server.size >= size.alignedUp(to: server.blockSize) else {
            throw ImageError(
                .outputFailed, "the output has \(server.size) bytes, the disk \(size) in blocks of \(server.blockSize)",
                advice: "make the output larger", path: uri)
        }
        // Then it could not be told which zeros end inside a block because the disk does.
        guard size > 0 || server.blockSize <= 512 else {
            throw ImageError(
                .outputFailed,
                "the size of the disk must be known to write blocks of \(server.blockSize) bytes, as the server demands",
                advice: "save the input to a file", path: uri)
        }
        path = uri
        self.size = size
        self.job = job
    }

    var export: NBDExport? { server }
    var blockSize: Int { Int(server.blockSize) }

    func target(offset: UInt64, length: Int) -> (IORequest.Target, isDirect: Bool) {
        (.export(ObjectIdentifier(server)), false)
    }

    /// The block in which the disk ends becomes zero behind it.
    func paddedEnd(of length: Int) -> Int { length.alignedUp(to: max(512, blockSize)) }

    func write(_ bytes: [UInt8], at offset: HostOffset) {
        preconditionFailure("only raw disks, which have no tables, are written to exports")
    }

    /// Doesn't wait for the server; it may fail later. Blocks that are zero only in part are left out: they are written whole,
    /// with the data in them.
    func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError) {
        let block = server.blockSize
        let limit = offset.bytes + length
        let end = limit == size ? min(limit.alignedUp(to: block), server.size) : limit.alignedDown(to: block)
        var position = offset.bytes.alignedUp(to: block)
        while position < end {
            try job.check()
            let next = min(end, position + Self.maximumZeros)
            try zero(position..<next)
            position = next
        }
    }

    private func zero(_ range: Range<UInt64>) throws(ImageError) {
        let waits = try zeroing.withLock { state throws(ImageError) in
            if let failure = state.failure { throw failure }
            guard server.control.canZero, state.count < Self.maximumRequests else { return true }
            state.count += 1
            return false
        }
        guard waits else {
            // Not strongly: of a conversion that fails, requests may stay behind until the connection goes with its owner.
            return server.control.zero(range) { [weak self] in self?.ended($0, range) }
        }
        // By the time that one is answered, most others are.
        do throws(NBDError) {
            try server.control.zero(range)
        } catch {
            throw failure("can't make zeros", at: range.lowerBound, Errno(rawValue: error.errno))
        }
    }

    private func ended(_ result: Int32, _ range: Range<UInt64>) {
        zeroing.withLock { state in
            state.count -= 1
            guard result < 0, state.failure == nil else { return }
            state.failure = failure("can't make zeros", at: range.lowerBound, Errno(rawValue: -result))
        }
    }

    func synchronize() throws(ImageError) {
        do throws(NBDError) {
            try server.control.flush()
        } catch {
            throw failure("the server could not make the output safe", at: nil, Errno(rawValue: error.errno))
        }
        try zeroing.withLock { state throws(ImageError) in if let failure = state.failure { throw failure } }
    }

    func complete(size: UInt64) throws(ImageError) { try synchronize() }
}
