import BtrfsFilesystem
import ExtFilesystem
import FATFilesystem
import GuestDisk
import XFSFilesystem

/// The filesystems that are known. To add one, add a line.
enum FilesystemRegistry {
    static let types: [any Filesystem.Type] = [
        ExtFilesystem.self, XFSFilesystem.self, BtrfsFilesystem.self, FATFilesystem.self,
    ]

    /// What to call a filesystem of `type` that can't be opened.
    static func name(of type: any Filesystem.Type) -> String {
        String(describing: type)
    }
}
