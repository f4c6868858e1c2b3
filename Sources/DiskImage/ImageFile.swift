import CLinux
import Glibc
package import SystemPackage

/// A file or block device that an image is read from, or a part of one: opened read-only, never changed.
package final class ImageFile: Sendable {
    /// The path as the user or the descriptor gave it; for a part, that of the whole and the part's name.
    package let path: String
    /// Bytes in the file, device or part.
    package let size: UInt64
    /// Where byte 0 is in what ``descriptor`` reads: not 0 for a part, such as a member of an archive. All other offsets
    /// count from it.
    package let base: UInt64
    package let isBlockDevice: Bool
    package let identity: FileIdentity
    /// Bytes of storage in use (`st_blocks`), which is less than `size` for a sparse file.
    package let allocatedSize: UInt64
    package let descriptor: FileDescriptor
    /// Decrypts the bytes of the disk that the file holds, nil if they are not encrypted. Metadata isn't.
    package let cipher: (any SectorCipher)?
    /// The file that this one is a part of; it owns the descriptor.
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
        self.descriptor = descriptor
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
        descriptor = FileDescriptor(rawValue: number)
        size = UInt64(bytes.count)
        isBlockDevice = false
        allocatedSize = size
        identity = try Facts(descriptor, path: path).identity
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
        descriptor = whole.descriptor
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
        descriptor = file.descriptor
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
        if whole == nil { try? descriptor.close() }
    }

    /// Throws `inputDamaged` if the file is shorter than when it was opened.
    func requireUnshortened() throws(ImageError) {
        guard !isBlockDevice else { return }
        var status = stat()
        guard unsafe fstat(descriptor.rawValue, &status) == 0 else {
            throw ImageError(.inputUnreadable, "can't examine the input", path: path, errno: .current)
        }
        let present = UInt64(clamping: status.st_size)
        guard present >= base + size else {
            throw damaged("the file became shorter while it was read", at: present - min(present, base))
        }
    }

    /// Reads exactly `count` bytes of metadata from `offset`.
    /// - Throws: `inputDamaged` if the range isn't inside the file (checked before anything is allocated),
    ///   `inputUnreadable` if the system can't read it.
    package func read(at offset: UInt64, count: Int, what: String) throws(ImageError) -> [UInt8] {
        guard offset <= size, UInt64(count) <= size - offset else {
            throw damaged("the file ends inside the \(what) (\(count) bytes; the file has \(size))", at: offset)
        }
        // Making an empty array this way would write to storage that all empty arrays share.
        guard count > 0 else { return [] }
        var problem: ImageError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(ImageError) {
                // Safe: the buffer is filled whole, or an error is thrown.
                unsafe try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer), what: what)
                filled = count
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// Fills `buffer` from `offset`; the range must be inside the file.
    package func read(
        at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, what: String
    ) throws(ImageError) {
        var filled = 0
        while filled < buffer.count {
            // Safe: the destination is the rest of the buffer.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let got: Int
            do {
                got = unsafe try descriptor.read(fromAbsoluteOffset: Int64(base + offset) + Int64(filled), into: rest)
            } catch {
                throw ImageError(
                    .inputUnreadable, "can't read the \(what)", path: path, offset: offset + UInt64(filled),
                    errno: error as? Errno)
            }
            guard got > 0 else {
                throw damaged("the file became shorter while it was read", at: offset + UInt64(filled))
            }
            filled += got
        }
    }

    /// Reads up to `count` bytes from the start: fewer if the file is shorter.
    package func readPrefix(_ count: Int) throws(ImageError) -> [UInt8] {
        try read(at: 0, count: Int(min(size, UInt64(count))), what: "start of the file")
    }

    /// Reads up to `count` bytes before the end: fewer if the file is shorter.
    package func readSuffix(_ count: Int) throws(ImageError) -> [UInt8] {
        let length = min(size, UInt64(count))
        return try read(at: size - length, count: Int(length), what: "end of the file")
    }

    /// An `inputDamaged` error about this file.
    package func damaged(_ message: String, at offset: UInt64? = nil, advice: String? = nil) -> ImageError {
        ImageError(.inputDamaged, message, advice: advice, path: path, offset: offset)
    }

    /// An `inputUnsupported` error about this file.
    package func unsupported(_ message: String, at offset: UInt64? = nil, advice: String? = nil) -> ImageError {
        ImageError(.inputUnsupported, message, advice: advice, path: path, offset: offset)
    }
}
