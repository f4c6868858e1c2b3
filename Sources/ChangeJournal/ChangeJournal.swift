import ByteLayout
import DiskImage
import Glibc
import SystemPackage

/// A redo journal: the last steps of a change of one image or several, so that they can be completed after an interruption.
///
/// It is a file beside the first image, `IMG.v2v-journal` (see ``JournalPlace``). All integers are little-endian:
/// ```
///      0   8  "V2V-REDO"
///      8   4  version: 2
///     12   4  h, bytes of the head, at most 64 KiB
///     16   4  CRC-32C of the head, with this field zero
///     20   4  number of images
///     24      images: 8 inode (0: a device) │ 8 bytes of the file │ 4 length of the path │ path, in UTF-8
///      h      records:
///               0   4  number of the image
///               4   4  1 if bytes are written, 0 if nothing must have been
///               8   8  offset in the image, a multiple of a sector of 512 bytes
///              16   8  length: 1 byte to 1 MiB, whole sectors except at the end of the image
///              24      4 bytes for each sector: CRC-32C of what it had before
///                      the bytes that it will have, if any are written
///  n - 32  32  SHA-256 of all before
/// ```
/// A path is relative to the journal's directory where the image is in it. A journal that ends too early, or whose digest is
/// wrong, is of no use: nothing has been written on its behalf. The checksums of what was there tell whether somebody has
/// written to an image since the interruption: then it can't be completed. (A sector in which nothing is written has what the
/// last step relies on: tables that it makes valid, and clusters whose present content it gives up.)
enum ChangeJournal {
    static let magic = Array("V2V-REDO".utf8)
    static let version: UInt32 = 2
    static let sectorSize = 512
    static let fixedHeadLength = 24
    static let maximumHeadLength = 65536
    static let recordHeaderLength = 24
    static let digestLength = 32
    /// Bytes of a record's content at most.
    static let maximumLength = 1 << 20

    /// The checksum of each sector of `bytes`, the last of which may be shorter.
    static func checksums(of bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: sectorSize).map { start in
            CRC32C.of(Array(bytes[start..<min(start + sectorSize, bytes.count)]))
        }
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

    /// Removes the journal, or the link to one, at `path`, which nobody needs any more.
    static func remove(_ path: FilePath) throws(ImageError) {
        let status = unsafe path.withPlatformString { unsafe unlink($0) }
        let error = status == 0 ? nil : Errno(rawValue: errno)
        do throws(Errno) {
            if let error, error != .noSuchFileOrDirectory { throw error }
            try syncDirectory(of: path)
        } catch {
            throw ImageError(.outputFailed, "can't remove the journal", path: path.string, errno: error)
        }
    }
}
