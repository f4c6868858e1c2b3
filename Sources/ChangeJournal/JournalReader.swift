import ByteLayout
import Digests
import DiskImage
import Glibc
import SystemPackage

/// Reads a journal.
struct JournalReader {
    /// A part of an image.
    struct Record {
        /// The number of the image in the head.
        var image: Int
        var offset: UInt64
        var length: Int
        /// Checksums of the sectors as they were.
        var before: [UInt32]
        /// The bytes that are to be there; nil if it only must be as it was.
        var content: [UInt8]?
    }

    let path: FilePath
    let file: ImageFile
    let head: JournalHead
    /// Who has made it.
    let owner: uid_t
    private let headLength: UInt64
    /// Bytes before the digest.
    private var end: UInt64 { file.size - UInt64(ChangeJournal.digestLength) }

    /// The journal at `path`.
    /// - Returns: nil if its head is not whole: then it says nothing.
    init?(path: FilePath, file: ImageFile, owner: uid_t) throws(ImageError) {
        guard let (head, length) = try JournalHead.read(file) else { return nil }
        self.path = path
        self.file = file
        self.owner = owner
        self.head = head
        headLength = length
    }

    /// The path of image number `index`.
    func imagePath(_ index: Int) -> String {
        path.removingLastComponent().pushing(FilePath(head.images[index].path)).string
    }

    /// Whether all of it was written: the digest at the end is that of what is before. Else nothing was done on its behalf.
    func isComplete() throws(ImageError) -> Bool {
        guard file.size >= headLength + UInt64(ChangeJournal.digestLength) else { return false }
        let digester = Digester(.sha256)
        var position: UInt64 = 0
        while position < end {
            let length = min(UInt64(ChangeJournal.maximumLength), end - position)
            let bytes = try file.read(at: position, count: Int(length), what: "journal")
            // Safe: the buffer is read during the call only.
            unsafe bytes.withUnsafeBytes { unsafe digester.update($0) }
            position += length
        }
        return try digester.finish().bytes
            == file.read(at: end, count: ChangeJournal.digestLength, what: "journal")
    }

    /// Calls `body` with each record.
    func forEachRecord(_ body: (Record) throws(ImageError) -> Void) throws(ImageError) {
        var position = headLength
        while position < end {
            let start = position
            let fields = try read(&position, ChangeJournal.recordHeaderLength)
            let image = Int(fields.littleEndian(UInt32.self, at: 0))
            let offset = fields.littleEndian(UInt64.self, at: 8)
            let length = fields.littleEndian(UInt64.self, at: 16)
            guard image < head.images.count, length > 0, length <= UInt64(ChangeJournal.maximumLength),
                offset <= UInt64.max - length
            else { throw file.damaged("a record of the journal is impossible", at: start) }
            let sectors = Int(length).alignedUp(to: ChangeJournal.sectorSize) / ChangeJournal.sectorSize
            let checksums = try read(&position, sectors * 4)
            let isWritten = fields.littleEndian(UInt32.self, at: 4) != 0
            try body(
                Record(
                    image: image, offset: offset, length: Int(length),
                    before: (0..<sectors).map { checksums.littleEndian(UInt32.self, at: $0 * 4) },
                    content: isWritten ? try read(&position, Int(length)) : nil))
        }
    }

    private func read(_ position: inout UInt64, _ count: Int) throws(ImageError) -> [UInt8] {
        guard UInt64(count) <= end - position else { throw file.damaged("the journal ends too early", at: position) }
        let bytes = try file.read(at: position, count: count, what: "journal")
        position += UInt64(count)
        return bytes
    }

    /// Removes the journal, whose content is in the images, or in none of them, and the links to it.
    ///
    /// First of all it ceases to be complete, so that it is never followed again; what says where it is goes before it does.
    func discard() throws(ImageError) {
        if head.images.count > 1 {
            try cut()
            for index in head.images.indices.dropFirst() { try removeLink(of: imagePath(index)) }
        }
        try ChangeJournal.remove(path)
    }

    private func cut() throws(ImageError) {
        do {
            let journal = try FileDescriptor.open(path, .writeOnly, options: [.noFollow, .closeOnExec])
            defer { try? journal.close() }
            // Not another file that somebody has put there since.
            guard case .file(let read) = file.storage, try stat(of: read).isSameFile(as: try stat(of: journal))
            else {
                throw Errno.staleNFSFileHandle
            }
            guard ftruncate(journal.rawValue, off_t(headLength)) == 0, fsync(journal.rawValue) == 0 else {
                throw Errno.current
            }
        } catch {
            throw ImageError(
                .outputFailed, "can't discard the journal", path: path.string, errno: error as? Errno)
        }
    }

    /// Removes the link to this journal that belongs to the image at `image`, if there is one.
    private func removeLink(of image: String) throws(ImageError) {
        guard let status = try? stat(at: JournalPlace.resolved(image)) else { return }
        let place = JournalPlace.path(for: image, status)
        if place != path, place.resolved == path { try ChangeJournal.remove(place) }
    }
}
