import ByteLayout
import Digests
import DiskImage
import Glibc
import SystemPackage

/// Writes a journal, which nobody must rely on before ``finish()`` has returned.
final class RawJournalWriter {
    private let path: FilePath
    private let descriptor: FileDescriptor
    private let digester = Digester(.sha256)
    private var position: Int64 = 0
    private var isFinished = false

    /// Makes the file at `path`.
    /// - Parameters:
    ///   - imageSize: bytes of the image.
    ///   - records: how many will come.
    init(path: FilePath, imageSize: UInt64, records: Int) throws(ImageError) {
        self.path = path
        do {
            // Never an existing file: it may be of an interruption, or somebody else's trap.
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
                permissions: [.ownerReadWrite])
        } catch {
            throw ImageError(
                .outputFailed, "can't make the journal", advice: "the changes are written to one first, for safety",
                path: path.string, errno: error as? Errno)
        }
        var header = [UInt8](repeating: 0, count: RawJournal.headerLength)
        header.replaceSubrange(0..<8, with: RawJournal.magic)
        header.storeLittleEndian(RawJournal.version, at: 8)
        header.storeLittleEndian(UInt32(RawJournal.sectorSize), at: 12)
        header.storeLittleEndian(imageSize, at: 16)
        header.storeLittleEndian(UInt64(records), at: 24)
        try append(header)
    }

    deinit {
        if !isFinished { try? RawJournal.remove(path) }
        try? descriptor.close()
    }

    /// Adds a record: at byte `offset` of the image there is `old`, and will be `new`, of the same length.
    func add(at offset: UInt64, old: [UInt8], new: [UInt8]) throws(ImageError) {
        let sectors = RawJournal.checksums(of: old)
        var head = [UInt8](repeating: 0, count: RawJournal.recordHeaderLength + sectors.count * 4)
        head.storeLittleEndian(offset, at: 0)
        head.storeLittleEndian(UInt64(new.count), at: 8)
        for (index, checksum) in sectors.enumerated() {
            head.storeLittleEndian(checksum, at: RawJournal.recordHeaderLength + index * 4)
        }
        try append(head)
        try append(new)
    }

    /// Completes the journal; it and its name are on the device then.
    func finish() throws(ImageError) {
        try write(digester.finish().bytes)
        guard fsync(descriptor.rawValue) == 0 else { throw failure(Errno(rawValue: errno)) }
        do throws(Errno) {
            try RawJournal.syncDirectory(of: path)
        } catch {
            throw failure(error)
        }
        isFinished = true
    }

    private func append(_ bytes: [UInt8]) throws(ImageError) {
        // Safe: the buffer is read during the call only.
        unsafe bytes.withUnsafeBytes { unsafe digester.update($0) }
        try write(bytes)
    }

    private func write(_ bytes: [UInt8]) throws(ImageError) {
        do {
            // Safe: as above.
            _ = unsafe try bytes.withUnsafeBytes { unsafe try descriptor.writeAll(toAbsoluteOffset: position, $0) }
        } catch {
            throw failure(error as? Errno)
        }
        position += Int64(bytes.count)
    }

    private func failure(_ errno: Errno?) -> ImageError {
        let noRoom = errno == .noSpace || errno == .diskQuotaExceeded
        return ImageError(
            noRoom ? .outputNoSpace : .outputFailed, "can't write the journal",
            advice: noRoom ? "the changes are written to one first, for safety: make room and try again" : nil,
            path: path.string, errno: errno)
    }
}

extension RawJournal {
    /// The checksum of each sector of `bytes`, the last of which may be shorter.
    static func checksums(of bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: sectorSize).map { start in
            CRC32C.of(Array(bytes[start..<min(start + sectorSize, bytes.count)]))
        }
    }
}
