import CLinux
import DiskImage
import Glibc
import SystemPackage

/// Where the journal of an image is: beside it, as `IMG.v2v-journal`, links resolved, so that each link to an image leads to
/// the same; that of a block device in `/var/tmp`, because `/dev` does not outlive the system.
enum JournalPlace {
    static let suffix = ".v2v-journal"

    /// - Parameters:
    ///   - path: that of the image.
    ///   - status: what fstat says of it.
    static func path(for path: String, _ status: stat) -> FilePath {
        let image = resolved(path)
        guard status.isBlockDevice else { return FilePath(image.string + suffix) }
        let name = stableName(of: status) ?? image.string
        let words = name.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return FilePath("/var/tmp").appending(words.joined(separator: "-").prefix(200) + suffix)
    }

    /// `path` with every link resolved, as far as it leads somewhere.
    static func resolved(_ path: String) -> FilePath { FilePath(path).resolved ?? FilePath(path) }

    /// What a device is called also after the next start of the system, which may give its name in `/dev` to another: what
    /// sysfs (the kernel's Documentation/ABI/testing/sysfs-block*) tells of the mapped device, the disk, or the loop device.
    private static func stableName(of status: stat) -> String? {
        let folder = "/sys/dev/block/\(linux_device_major(status.st_rdev)):\(linux_device_minor(status.st_rdev))"
        let partition = attribute("partition", of: folder)
        let disk = partition == nil ? folder : folder + "/.."
        for name in ["dm/uuid", "md/uuid", "wwid", "device/wwid", "serial", "loop/backing_file"] {
            guard let found = attribute(name, of: disk) else { continue }
            return found + (partition.map { "-part\($0)" } ?? "")
        }
        return nil
    }

    private static func attribute(_ name: String, of folder: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath("\(folder)/\(name)"), .readOnly, options: .closeOnExec)
        else { return nil }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 4096)
        // Safe: the buffer is written to during the call only.
        let count = unsafe (try? bytes.withUnsafeMutableBytes { unsafe try file.read(into: $0) }) ?? 0
        let text = String(decoding: bytes[..<count].filter { $0 > 0x20 }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
