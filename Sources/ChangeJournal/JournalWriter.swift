import ByteLayout
import Digests
import DiskImage
import Glibc
import SystemPackage

/// Writes a journal, which nobody must rely on before ``finish()`` has returned.
///
/// The head comes first, then a link to the journal beside each of the other images, then the records: so whatever has been
/// left behind says where the rest of it is.
final class JournalWriter {
    let path: FilePath
    private let descriptor: FileDescriptor
    private let digester = Digester(.sha256)
    private var links: [FilePath] = []
    private var position: Int64 = 0
    private var isFinished = false

    /// Makes the journal beside the first of `files`, and the links to it.
    init(_ files: [EditableFile]) throws(ImageError) {
        let states = try files.map { (file) throws(ImageError) in try Self.status(of: file) }
        let places = zip(files, states).map { JournalPlace.path(for: $0.path, $1) }
        path = places[0]
        do {
            // Never an existing file: it may be of an interruption, or somebody else's trap.
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
                permissions: [.ownerReadWrite])
        } catch {
            throw Self.failure("can't make the journal", path, error as? Errno)
        }
        let images = zip(files, states).map { file, status in
            JournalHead.Image(
                path: relative(JournalPlace.resolved(file.path)),
                inode: status.isRegularFile ? UInt64(status.st_ino) : 0,
                size: UInt64(clamping: status.st_size))
        }
        try append(JournalHead(images: images).bytes(path: path))
        try sync()
        for place in places.dropFirst() { try link(place) }
    }

    deinit {
        if !isFinished { for file in links + [path] { try? ChangeJournal.remove(file) } }
        try? descriptor.close()
    }

    private static func status(of file: EditableFile) throws(ImageError) -> stat {
        do throws(Errno) {
            return try stat(of: file.descriptor)
        } catch {
            throw failure("can't examine the image", FilePath(file.path), error)
        }
    }

    /// `image` as seen from the directory of the journal.
    private func relative(_ image: FilePath) -> String {
        image.removingLastComponent() == path.removingLastComponent()
            ? image.lastComponent?.string ?? image.string : image.string
    }

    private func link(_ place: FilePath) throws(ImageError) {
        let sameDirectory = place.removingLastComponent() == path.removingLastComponent()
        let target = sameDirectory ? path.lastComponent?.string ?? path.string : path.string
        guard unsafe place.withPlatformString({ unsafe symlink(target, $0) }) == 0 else {
            throw Self.failure("can't make a link to the journal", place, .current)
        }
        links.append(place)
        do throws(Errno) {
            try ChangeJournal.syncDirectory(of: place)
        } catch {
            throw Self.failure("can't make a link to the journal", place, error)
        }
    }

    /// Adds a record: at byte `offset` of image number `image` there is `old`, and will be `new`, of the same length; nil if
    /// it only must not have changed.
    func add(image: Int, at offset: UInt64, old: [UInt8], new: [UInt8]?) throws(ImageError) {
        let sectors = ChangeJournal.checksums(of: old)
        var head = [UInt8](repeating: 0, count: ChangeJournal.recordHeaderLength + sectors.count * 4)
        head.storeLittleEndian(UInt32(image), at: 0)
        head.storeLittleEndian(UInt32(new == nil ? 0 : 1), at: 4)
        head.storeLittleEndian(offset, at: 8)
        head.storeLittleEndian(UInt64(old.count), at: 16)
        for (index, checksum) in sectors.enumerated() {
            head.storeLittleEndian(checksum, at: ChangeJournal.recordHeaderLength + index * 4)
        }
        try append(head)
        if let new { try append(new) }
    }

    /// Completes the journal: when this returns, all of it is on the device.
    func finish() throws(ImageError) {
        try write(digester.finish().bytes)
        try sync()
        isFinished = true
    }

    private func sync() throws(ImageError) {
        guard fsync(descriptor.rawValue) == 0 else { throw failure(.current) }
        do throws(Errno) {
            try ChangeJournal.syncDirectory(of: path)
        } catch {
            throw failure(error)
        }
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

    private func failure(_ errno: Errno?) -> ImageError { Self.failure("can't write the journal", path, errno) }

    private static func failure(_ message: String, _ path: FilePath, _ errno: Errno?) -> ImageError {
        let noRoom = errno == .noSpace || errno == .diskQuotaExceeded
        return ImageError(
            noRoom ? .outputNoSpace : .outputFailed, message,
            advice: "the changes are written to one first, for safety" + (noRoom ? ": make room and try again" : ""),
            path: path.string, errno: errno)
    }
}
