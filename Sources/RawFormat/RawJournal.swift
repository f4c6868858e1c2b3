import DiskImage
import Glibc
package import SystemPackage

/// A redo journal: what is about to be written to a raw image, so that it can be completed after an interruption.
///
/// It is a file beside the image, `IMG.v2v-journal`; that of a block device lies in `/var/tmp`, because `/dev` does not
/// outlive the system. All integers are little-endian:
/// ```
///      0   8  "V2V-REDO"
///      8   4  version: 1
///     12   4  bytes of a sector: 512
///     16   8  bytes of the image
///     24   8  number of records
///     32      records, in the order of the image:
///               0   8  offset in the image, a multiple of a sector
///               8   8  length: 1 byte to 1 MiB, whole sectors except at the end of the image
///              16      4 bytes for each sector: CRC-32C of what it had before
///                      the bytes that it will have
///  n - 32  32  SHA-256 of all before
/// ```
/// Nothing of the image is written before all of this is on the device. So a journal that ends too early, or whose digest is
/// wrong, is of no use and can go. The checksums of what was there tell whether somebody has written to the image since the
/// interruption: then it can't be completed.
package struct RawJournal {
    static let magic = Array("V2V-REDO".utf8)
    static let version: UInt32 = 1
    static let sectorSize = 512
    static let headerLength = 32
    static let recordHeaderLength = 16
    static let digestLength = 32
    /// Bytes of a record's content at most.
    static let maximumLength = 1 << 20

    /// Where the journal of an image is, links resolved, so that each name of an image leads to the same.
    /// - Parameter path: that of the image.
    package static func path(for path: String, isBlockDevice: Bool) -> FilePath {
        let image = FilePath(path).resolved ?? FilePath(path)
        guard isBlockDevice else { return FilePath(image.string + ".v2v-journal") }
        let name = image.string.split(separator: "/").joined(separator: "-")
        return FilePath("/var/tmp").appending(name + ".v2v-journal")
    }

    /// Whether there is one for `image`, which someone may be changing just now.
    static func exists(for image: ImageFile) -> Bool {
        guard case .file = image.storage, image.base == 0 else { return false }
        let path = path(for: image.path, isBlockDevice: image.isBlockDevice)
        return unsafe path.withPlatformString { unsafe access($0, F_OK) } == 0
    }

    /// Makes the names in the directory of `path` those that they are now, also after a crash.
    static func syncDirectory(of path: FilePath) throws(Errno) {
        do {
            let parent = path.removingLastComponent()
            let directory = try FileDescriptor.open(
                parent.isEmpty ? "." : parent, .readOnly, options: [.directory, .closeOnExec])
            defer { try? directory.close() }
            guard fsync(directory.rawValue) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            throw error as? Errno ?? .ioError
        }
    }

    /// Removes the journal at `path`, which nobody needs any more.
    static func remove(_ path: FilePath) throws(ImageError) {
        let status = unsafe path.withPlatformString { unsafe unlink($0) }
        let error = status == 0 ? nil : Errno(rawValue: errno)
        do throws(Errno) {
            if let error { throw error }
            try syncDirectory(of: path)
        } catch {
            throw ImageError(.outputFailed, "can't remove the journal", path: path.string, errno: error)
        }
    }
}
