import ByteLayout
import CLinux
import DiskImage
import Glibc
import Locking
import NBD
import RingIO
import Synchronization
import SystemPackage

/// A file that is written: `NAME.partial` until it is complete, or an existing file or device, in place; or a stream, which
/// is written by an ``OutputStream``.
final class OutputFile: OutputEndpoint {
    /// Direct transfers must be aligned to this in file and memory. The page size serves every filesystem and device.
    static let directAlignment: UInt64 = 4096

    /// How much the file grows at a time, in bytes, when the writer needs more. Few size changes while data is in flight;
    /// what is too much is cut off at the end.
    private static let growth: UInt64 = 256 << 20

    /// The final name.
    let path: String
    /// The name while it is written.
    let temporaryPath: String
    let kind: Output.Kind
    let descriptor: FileDescriptor
    private let direct: FileDescriptor?
    private let directWorks: Atomic<Bool>
    private let reserved: Guarded<UInt64>
    private let bufferedBytes = Atomic<UInt64>(0)
    /// Bytes written through the page cache after which their way to the device is begun, and the last such step awaited.
    private static let dirtyStep: UInt64 = 64 << 20
    /// Whether it has its final name.
    private let isNamed = Atomic<Bool>(false)
    let job: Job

    /// Opens the output; nothing is written yet.
    /// - Parameters:
    ///   - sources: files the output must not be.
    ///   - usesDirectIO: bypass the page cache if the filesystem can.
    /// - Throws: `outputExists`, `outputInUse`, `outputFailed`.
    init(
        path: String, kind: Output.Kind, sources: [FileIdentity], usesDirectIO: Bool, job: Job
    ) throws(ImageError) {
        let existing = kind.isStream ? nil : FileIdentity(path: path)
        if let existing, sources.contains(existing) {
            throw ImageError(.outputExists, "the output is the input", advice: "choose another name", path: path)
        }
        // A link is followed: the file it leads to is the one to replace.
        self.path = existing == nil ? path : Self.resolve(path)
        self.kind = kind
        self.job = job
        switch kind {
        case .new(let replaces):
            try Self.requireReplaceable(path, replaces: replaces)
            temporaryPath = self.path + ".partial"
            if let stale = FileIdentity(path: temporaryPath), sources.contains(stale) {
                throw ImageError(
                    .outputExists, "the input has the output's temporary name", advice: "choose another name",
                    path: temporaryPath)
            }
            descriptor = try Self.create(temporaryPath, like: existing == nil ? nil : self.path)
        case .inPlace(let size):
            temporaryPath = self.path
            descriptor = try Self.openExisting(self.path, size: size)
        case .export:
            preconditionFailure("an export is no file")
        case .stream(let stream):
            temporaryPath = path
            descriptor = try Self.openStream(stream, path: path, sources: sources)
        }
        direct =
            usesDirectIO && !kind.isStream
            ? try? FileDescriptor.open(
                // The same file even if someone has moved it.
                FilePath("/proc/self/fd/\(descriptor.rawValue)"), .readWrite,
                options: [.closeOnExec, FileDescriptor.OpenOptions(rawValue: linux_o_direct())])
            : nil
        directWorks = Atomic(direct != nil)
        reserved = Guarded(0)
        if case .new = kind { UnfinishedOutputs.insert(temporaryPath) }
    }

    deinit {
        // Before the lock goes with the descriptor: afterwards the file may be someone else's.
        if case .new = kind, !isNamed.load(ordering: .relaxed) {
            UnfinishedOutputs.remove(temporaryPath)
        }
        FileLock.release(descriptor)
        try? direct?.close()
        try? descriptor.close()
    }

    // MARK: Writing

    var export: NBDExport? { nil }
    var blockSize: Int { 1 }

    func target(offset: UInt64, length: Int) -> (IORequest.Target, isDirect: Bool) {
        guard let direct, directWorks.load(ordering: .relaxed),
            (offset | UInt64(length)) % Self.directAlignment == 0
        else { return (.descriptor(descriptor.rawValue), false) }
        return (.descriptor(direct.rawValue), true)
    }

    /// Counts bytes that went into the page cache and keeps what the device has not got below twice ``dirtyStep``, so
    /// that the last flush, during which nothing can be interrupted, is short.
    func noteBuffered(_ count: Int) throws(ImageError) {
        let before = bufferedBytes.add(UInt64(count), ordering: .relaxed).oldValue
        if before / Self.dirtyStep != (before + UInt64(count)) / Self.dirtyStep {
            try requireWritten(linux_write_back(descriptor.rawValue), at: nil)
        }
    }

    /// Throws if a system call that was to bring bytes to the device has told that it failed: such a failure is told once,
    /// and the last flush would be silent about it. Systems that lack the call wait for that flush.
    func requireWritten(_ status: Int32, at offset: UInt64?) throws(ImageError) {
        guard status != 0, case let errno = Errno.current,
            ![.invalidArgument, .noFunction, .illegalSeek, .notSupported].contains(errno)
        else { return }
        throw failure("the system could not write the output to the device", at: offset, errno)
    }

    /// Where data ends that ends `length` bytes into a chunk: a new file may get whole blocks, for it is cut to its size
    /// when it is complete; an existing file or device must not be changed behind the disk,
    /// whose size is whole sectors.
    func paddedEnd(of length: Int) -> Int {
        if case .new = kind { return .max }
        return length.alignedUp(to: 512)
    }

    /// Stops using direct transfers: the filesystem opened the file for them but refuses them.
    func abandonDirectIO() {
        directWorks.store(false, ordering: .relaxed)
    }

    func reserve(upTo size: UInt64) throws(ImageError) {
        guard case .new = kind else { return }
        try reserved.withLock { reserved throws(ImageError) in
            guard size > reserved else { return }
            let grown = min(size, UInt64(Int64.max) - Self.growth).alignedUp(to: Self.growth)
            if ftruncate(descriptor.rawValue, off_t(grown)) == 0 {
                reserved = grown
            } else if ftruncate(descriptor.rawValue, off_t(size)) == 0 {
                reserved = size
            } else {
                throw failure("can't extend the output to \(size) bytes", at: size, .current)
            }
        }
    }

    func allocate(_ size: UInt64) throws(ImageError) -> Bool {
        guard size > 0, linux_allocate(descriptor.rawValue, 0, off_t(size)) != 0 else { return true }
        let errno = Errno.current
        if errno == .notSupported { return false }
        throw failure("can't allocate \(size) bytes", at: 0, errno)
    }

    func write(_ bytes: [UInt8], at offset: HostOffset) throws(ImageError) {
        var done = 0
        while done < bytes.count {
            let result = unsafe bytes.withUnsafeBytes { buffer in
                // Safe: the rest of the array.
                unsafe pwrite(
                    descriptor.rawValue, buffer.baseAddress?.advanced(by: done), buffer.count - done,
                    off_t(offset.bytes) + off_t(done))
            }
            if result < 0 {
                let errno = Errno.current
                if errno == .interrupted { continue }
                throw failure("can't write the output", at: offset.bytes + UInt64(done), errno)
            }
            done += result
        }
        job.writtenBytes.add(UInt64(bytes.count), ordering: .relaxed)
    }

    func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError) {
        if linux_zero_range(descriptor.rawValue, off_t(offset.bytes), off_t(length)) == 0 { return }
        if linux_punch_hole(descriptor.rawValue, off_t(offset.bytes), off_t(length)) == 0 { return }
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var position = offset.bytes
        let end = offset.bytes + length
        while position < end {
            try job.check()
            let count = Int(min(UInt64(zeros.count), end - position))
            try write(count == zeros.count ? zeros : [UInt8](repeating: 0, count: count), at: HostOffset(position))
            position += UInt64(count)
        }
    }

    func synchronize() throws(ImageError) {
        guard fsync(descriptor.rawValue) == 0 || kind.isStream && Errno.current == .invalidArgument else {
            throw failure("the system could not write the output to the device", at: nil, .current)
        }
    }

    // MARK: Finishing

    /// Safe is what is on the device, if it is on one.
    func complete(size: UInt64) throws(ImageError) {
        if case .new = kind, ftruncate(descriptor.rawValue, off_t(size)) != 0 {
            throw failure("can't set the size of the output to \(size) bytes", at: nil, .current)
        }
        try synchronize()
    }

    /// Gives the file its final name.
    func rename() throws(ImageError) {
        guard case .new(let replaces) = kind else { return }
        let renamed = unsafe replaces ? Glibc.rename(temporaryPath, path) : linux_rename_noreplace(temporaryPath, path)
        guard renamed == 0 else {
            let errno = Errno.current
            if errno == .fileExists {
                throw ImageError(
                    .outputExists, "the output appeared while it was converted", advice: "remove it or pass --force",
                    path: path)
            }
            throw failure("can't give the output its name", at: nil, errno)
        }
        isNamed.store(true, ordering: .relaxed)
    }

    /// Takes the final name away from a file that has it.
    func revertName() {
        guard isNamed.exchange(false, ordering: .relaxed) else { return }
        unsafe _ = Glibc.rename(path, temporaryPath)
    }

    /// Makes the names of the file's directory survive a crash, if the filesystem can.
    func synchronizeDirectory() {
        let directory = FilePath(path).removingLastComponent()
        guard
            let parent = try? FileDescriptor.open(
                directory.isEmpty ? "." : directory, .readOnly, options: .closeOnExec)
        else { return }
        _ = fsync(parent.rawValue)
        try? parent.close()
    }
}
