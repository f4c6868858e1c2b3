import DiskImage
import Glibc
import SystemPackage

extension JournalReader {
    /// What was found beside an image.
    enum Found {
        case journal(JournalReader)
        /// A file that was to become a journal: an interruption came before it had a whole head.
        case beginning(FilePath)
    }

    /// The journal that names `image`, beside it or where a link beside it leads.
    /// - Returns: nil if there is none.
    /// - Throws: `inputDamaged` if the image has another name than when its journal was made, `outputFailed` if the journal may
    ///   be somebody else's, or is not where the link leads.
    static func find(for image: ImageFile) throws(ImageError) -> Found? {
        guard case .file(let descriptor) = image.storage, image.base == 0, FilePath(image.path).resolved != nil,
            let status = try? stat(of: descriptor)
        else { return nil }
        let place = JournalPlace.path(for: image.path, status)
        guard let (path, file, owner) = try open(place, of: image, status) else {
            try requireUnrenamed(image, status, in: place.removingLastComponent())
            return nil
        }
        guard let journal = try JournalReader(path: path, file: file, owner: owner) else {
            guard path == place else { throw file.damaged("the head of the journal is damaged", at: 0) }
            return .beginning(path)
        }
        guard journal.index(of: image) != nil else {
            throw renamed(image, journal, names: journal.head.images.map(\.path))
        }
        return .journal(journal)
    }

    /// The number of `image`, whose place has led here.
    func index(of image: ImageFile) -> Int? {
        // That place is one device's, whatever it is called now.
        if head.images.count == 1, head.images[0].inode == 0, image.isBlockDevice { return 0 }
        return head.images.indices.first { FileIdentity(path: imagePath($0)) == image.identity }
    }

    /// Opens the journal at `place`, or where the link there leads.
    private static func open(
        _ place: FilePath, of image: ImageFile, _ status: stat
    ) throws(ImageError) -> (path: FilePath, file: ImageFile, owner: uid_t)? {
        let link: stat
        do throws(Errno) {
            link = try stat(at: place)
        } catch {
            if [.noSuchFileOrDirectory, .notDirectory, .fileNameTooLong].contains(error) { return nil }
            throw ImageError(.outputFailed, "can't look for a journal", path: place.string, errno: error)
        }
        try requireTrust(link.st_uid, status, place)
        guard link.isLink else { return try openFile(place, status) }
        // Whoever made the link must not have us change or remove another kind of file.
        guard let target = place.resolved, target.string.hasSuffix(JournalPlace.suffix),
            let opened = try openFile(target, status)
        else {
            throw ImageError(
                .outputFailed,
                "a change of \(image.path) together with other images was interrupted; their journal is gone",
                advice: "put it back where this link leads; or take the image as it is, and remove the link",
                path: place.string)
        }
        return opened
    }

    private static func openFile(
        _ path: FilePath, _ image: stat
    ) throws(ImageError) -> (path: FilePath, file: ImageFile, owner: uid_t)? {
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: [.noFollow, .nonBlocking, .closeOnExec])
            defer { try? descriptor.close() }
            let status = try stat(of: descriptor)
            try requireTrust(status.isRegularFile ? status.st_uid : nil, image, path)
            // The same file even if someone has moved it.
            let file = try ImageFile(
                path: path.string, location: FilePath("/proc/self/fd/\(descriptor.rawValue)"), lock: false)
            return (path, file, status.st_uid)
        } catch let error as Errno {
            if error == .noSuchFileOrDirectory { return nil }
            throw ImageError(.outputFailed, "can't open the journal", path: path.string, errno: error)
        } catch {
            throw error as? ImageError ?? ImageError(.outputFailed, "can't open the journal", path: path.string)
        }
    }

    /// Throws unless `owner` may write to the image anyway, as root may. (Whoever owns the node of a device need not be that.)
    private static func requireTrust(_ owner: uid_t?, _ image: stat, _ path: FilePath) throws(ImageError) {
        guard let owner, owner == 0 || owner == geteuid() || image.isRegularFile && owner == image.st_uid else {
            throw ImageError(
                .outputFailed, "the journal is not from you or the image's owner, and could have anything written",
                advice: "if nobody has been interrupted while he changed the image, remove it", path: path.string)
        }
    }

    /// Throws if a journal in `directory` knows the image by another name.
    private static func requireUnrenamed(_ image: ImageFile, _ status: stat, in directory: FilePath) throws(ImageError)
    {
        guard status.isRegularFile else { return }
        for name in journals(in: directory) {
            let path = directory.appending(name)
            guard let (path, file, owner) = try? openFile(path, status),
                let journal = try? JournalReader(path: path, file: file, owner: owner),
                let known = journal.head.images.indices.first(where: {
                    journal.head.images[$0].inode == UInt64(status.st_ino) && journal.head.images[$0].size == image.size
                }),
                // Files on other filesystems have the same numbers.
                FilePath(journal.imagePath(known)).resolved == nil, try journal.isComplete()
            else { continue }
            throw renamed(image, journal, names: [journal.head.images[known].path])
        }
    }

    private static func journals(in directory: FilePath) -> [String] {
        guard let folder = unsafe directory.withPlatformString({ unsafe opendir($0) }) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            // Safe: the name ends with NUL, and stays until the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasSuffix(JournalPlace.suffix) { names.append(name) }
        }
        return names
    }

    private static func renamed(_ image: ImageFile, _ journal: JournalReader, names: [String]) -> ImageError {
        ImageError(
            .inputDamaged,
            "a change was interrupted when the image had another name: \(names.joined(separator: " or "))",
            advice:
                "give it that name, and run v2v-convert fixup on it; or take it as it is, and remove \(journal.path)",
            path: image.path)
    }
}
