import CLinux
import Glibc
package import NBD
package import SystemPackage

/// A file, block device or export that an image is read from, or a part of one: opened read-only, never changed.
package final class ImageFile: Sendable {
    /// Where the bytes are.
    package enum Storage: Sendable {
        /// In a file or block device of this machine.
        case file(FileDescriptor)
        /// Behind a server.
        case export(NBDExport)
    }

    /// The path or URI as the user or the descriptor gave it; for a part, that of the whole and the part's name.
    package let path: String
    /// Bytes in the file, device, export or part.
    package let size: UInt64
    /// Where byte 0 is in the ``storage``: not 0 for a part, such as a member of an archive. All other offsets
    /// count from it.
    package let base: UInt64
    package let isBlockDevice: Bool
    package let identity: FileIdentity
    /// Bytes of storage in use (`st_blocks`), which is less than `size` for a sparse file; of an export nobody tells.
    package let allocatedSize: UInt64
    package let storage: Storage
    /// Decrypts the bytes of the disk that the file holds, nil if they are not encrypted. Metadata isn't.
    package let cipher: (any SectorCipher)?
    /// The file that this one is a part of; it owns the storage.
    private let whole: ImageFile?

    /// Opens the file at `path`.
    /// - Parameters:
    ///   - location: the path in bytes, where it is not UTF-8 and `path` only tells of it.
    ///   - lock: take QEMU's locks for a reader and refuse an image that another process may write.
    /// - Throws: `inputUnreadable` or `inputInUse`.
    package init(path: String, location: FilePath? = nil, lock: Bool) throws(ImageError) {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(
                location ?? FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw ImageError(.inputUnreadable, "can't open the input", path: path, errno: error as? Errno)
        }
        let facts: Facts
        do throws(ImageError) {
            facts = try Facts(descriptor, path: path)
            if lock { try FileLock.lockForReading(descriptor, path: path) }
        } catch {
            try? descriptor.close()
            throw error
        }
        // Opening must not wait (for a FIFO's writer, say); reading may.
        _ = fcntl(descriptor.rawValue, F_SETFL, O_RDONLY)
        self.path = path
        storage = .file(descriptor)
        size = facts.size
        isBlockDevice = facts.isBlockDevice
        allocatedSize = facts.allocatedSize
        identity = facts.identity
        base = 0
        cipher = nil
        whole = nil
    }

    /// A file in memory that holds `bytes`: the start of a stream, for code that reads files.
    package init(bytes: [UInt8], path: String) throws(ImageError) {
        // Safe: the array is passed with its length.
        let number = unsafe bytes.withUnsafeBytes { unsafe linux_memory_file($0.baseAddress, $0.count) }
        guard number >= 0 else {
            throw ImageError(.inputUnreadable, "can't get memory for the input", path: path, errno: .current)
        }
        self.path = path
        let descriptor = FileDescriptor(rawValue: number)
        storage = .file(descriptor)
        size = UInt64(bytes.count)
        isBlockDevice = false
        allocatedSize = size
        identity = try Facts(descriptor, path: path).identity
        base = 0
        cipher = nil
        whole = nil
    }

    /// The export at `uri`.
    /// - Throws: `inputUnreadable`.
    package init(uri: String) throws(ImageError) {
        let export: NBDExport
        do throws(NBDError) {
            export = try NBDExport(uri: uri)
        } catch {
            throw ImageError(.inputUnreadable, "can't connect to the server: \(error.message)", path: uri)
        }
        path = uri
        storage = .export(export)
        size = export.size
        isBlockDevice = false
        allocatedSize = size
        identity = FileIdentity(uri: uri)
        base = 0
        cipher = nil
        whole = nil
    }

    /// The bytes `range` of `whole`, which has them, as a file of their own called `name`.
    package init(part range: Range<UInt64>, of whole: ImageFile, name: String) {
        precondition(range.upperBound <= whole.size, "a part ends behind the whole")
        path = whole.path + "/" + name
        size = range.upperBound - range.lowerBound
        base = whole.base + range.lowerBound
        isBlockDevice = whole.isBlockDevice
        identity = whole.identity.part(at: base)
        allocatedSize = min(whole.allocatedSize, size)
        storage = whole.storage
        cipher = nil
        self.whole = whole
    }

    /// `file`, the bytes of whose disk `cipher` decrypts.
    package init(_ file: ImageFile, decryptedBy cipher: any SectorCipher) {
        path = file.path
        size = file.size
        base = file.base
        isBlockDevice = file.isBlockDevice
        identity = file.identity
        allocatedSize = file.allocatedSize
        storage = file.storage
        self.cipher = cipher
        whole = file
    }

    /// What fstat says.
    private struct Facts {
        var size: UInt64
        var allocatedSize: UInt64
        var isBlockDevice: Bool
        var identity: FileIdentity

        init(_ descriptor: FileDescriptor, path: String) throws(ImageError) {
            var status = stat()
            guard unsafe fstat(descriptor.rawValue, &status) == 0 else {
                throw ImageError(.inputUnreadable, "can't examine the input", path: path, errno: .current)
            }
            identity = FileIdentity(status)
            let type = status.st_mode & S_IFMT
            isBlockDevice = type == S_IFBLK
            if isBlockDevice {
                size = 0
                guard unsafe linux_block_device_size(descriptor.rawValue, &size) == 0 else {
                    throw ImageError(.inputUnreadable, "can't get the size of the device", path: path, errno: .current)
                }
                allocatedSize = size
            } else if type == S_IFREG {
                size = UInt64(clamping: status.st_size)
                allocatedSize = UInt64(clamping: status.st_blocks) * 512
            } else {
                throw ImageError(
                    .inputUnreadable, "the input is neither a regular file nor a block device",
                    advice: type == S_IFDIR ? "name an image file inside the directory" : nil, path: path)
            }
        }
    }

    deinit {
        guard whole == nil, case .file(let descriptor) = storage else { return }
        // Closing does not as long as a process that is being started has the descriptor too.
        FileLock.release(descriptor)
        try? descriptor.close()
    }

    /// Throws `inputDamaged` if the file is shorter than when it was opened.
    func requireUnshortened() throws(ImageError) {
        guard !isBlockDevice, case .file(let descriptor) = storage else { return }
        var status = stat()
        guard unsafe fstat(descriptor.rawValue, &status) == 0 else {
            throw ImageError(.inputUnreadable, "can't examine the input", path: path, errno: .current)
        }
        let present = UInt64(clamping: status.st_size)
        guard present >= base + size else {
            throw damaged("the file became shorter while it was read", at: present - min(present, base))
        }
    }
}
