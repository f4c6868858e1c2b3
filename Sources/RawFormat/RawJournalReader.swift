import ByteLayout
import Digests
import DiskImage
import Glibc
import SystemPackage

/// Reads a journal that was found beside an image.
struct RawJournalReader {
    /// A part of the image.
    struct Record {
        var offset: UInt64
        /// Checksums of the sectors as they were.
        var before: [UInt32]
        /// The bytes that are to be there.
        var content: [UInt8]
    }

    private let path: FilePath
    private let file: ImageFile
    /// Bytes before the digest.
    private let end: UInt64
    /// Bytes of the image that it was made for.
    let imageSize: UInt64
    private let recordCount: UInt64

    /// - Parameter owner: who may have made a journal, besides us: the owner of the image, who can change it anyway.
    /// - Returns: nil if there is none, or an incomplete one: then nothing of the image was written, and it is removed.
    /// - Throws: `outputFailed` if the journal is none of ours.
    init?(path: FilePath, owner: uid_t?) throws(ImageError) {
        self.path = path
        guard let file = try Self.open(path, owner: owner) else { return nil }
        self.file = file
        guard try Self.isComplete(file) else {
            try RawJournal.remove(path)
            return nil
        }
        let header = try file.read(at: 0, count: RawJournal.headerLength, what: "journal")
        guard header.starts(with: RawJournal.magic),
            header.littleEndian(UInt32.self, at: 8) == RawJournal.version,
            header.littleEndian(UInt32.self, at: 12) == UInt32(RawJournal.sectorSize)
        else { throw file.unsupported("this journal is of a kind that is not known", advice: "use a newer version") }
        end = file.size - UInt64(RawJournal.digestLength)
        imageSize = header.littleEndian(UInt64.self, at: 16)
        recordCount = header.littleEndian(UInt64.self, at: 24)
    }

    private static func open(_ path: FilePath, owner: uid_t?) throws(ImageError) -> ImageFile? {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(path, .readOnly, options: [.noFollow, .nonBlocking, .closeOnExec])
        } catch {
            if error as? Errno == .noSuchFileOrDirectory { return nil }
            throw ImageError(.outputFailed, "can't open the journal", path: path.string, errno: error as? Errno)
        }
        defer { try? descriptor.close() }
        var status = stat()
        guard unsafe fstat(descriptor.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_uid == geteuid() || status.st_uid == owner
        else {
            throw ImageError(
                .outputFailed, "the journal is not from you or the image's owner, and could have anything written",
                advice: "if nobody has been interrupted while he changed the image, remove it", path: path.string)
        }
        // The same file even if someone has moved it.
        return try ImageFile(
            path: path.string, location: FilePath("/proc/self/fd/\(descriptor.rawValue)"), lock: false)
    }

    /// Whether the digest at the end is that of what is before.
    private static func isComplete(_ file: ImageFile) throws(ImageError) -> Bool {
        let digestLength = UInt64(RawJournal.digestLength)
        guard file.size >= UInt64(RawJournal.headerLength) + digestLength else { return false }
        let digester = Digester(.sha256)
        let end = file.size - digestLength
        var position: UInt64 = 0
        while position < end {
            let length = min(UInt64(RawJournal.maximumLength), end - position)
            let bytes = try file.read(at: position, count: Int(length), what: "journal")
            // Safe: the buffer is read during the call only.
            unsafe bytes.withUnsafeBytes { unsafe digester.update($0) }
            position += length
        }
        return try digester.finish().bytes == file.read(at: end, count: RawJournal.digestLength, what: "journal")
    }

    /// Calls `body` with each record.
    func forEachRecord(_ body: (Record) throws(ImageError) -> Void) throws(ImageError) {
        var position = UInt64(RawJournal.headerLength)
        for _ in 0..<recordCount {
            let head = try read(&position, RawJournal.recordHeaderLength)
            let offset = head.littleEndian(UInt64.self, at: 0)
            let length = head.littleEndian(UInt64.self, at: 8)
            guard length > 0, length <= UInt64(RawJournal.maximumLength), offset <= imageSize,
                length <= imageSize - offset
            else { throw file.damaged("a record of the journal is impossible", at: position) }
            let count = Int(length).alignedUp(to: RawJournal.sectorSize) / RawJournal.sectorSize
            let checksums = try read(&position, count * 4)
            try body(
                Record(
                    offset: offset, before: (0..<count).map { checksums.littleEndian(UInt32.self, at: $0 * 4) },
                    content: try read(&position, Int(length))))
        }
    }

    private func read(_ position: inout UInt64, _ count: Int) throws(ImageError) -> [UInt8] {
        guard UInt64(count) <= end - position else { throw file.damaged("the journal ends too early", at: position) }
        let bytes = try file.read(at: position, count: count, what: "journal")
        position += UInt64(count)
        return bytes
    }

    /// Removes the journal, whose content is in the image.
    func remove() throws(ImageError) { try RawJournal.remove(path) }
}
