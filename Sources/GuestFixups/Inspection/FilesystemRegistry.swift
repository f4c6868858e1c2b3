import BtrfsFilesystem
import ExtFilesystem
import FATFilesystem
import GuestDisk
import XFSFilesystem

/// The filesystems that are known. To add one, add a line.
enum FilesystemRegistry {
    /// What `blkid` calls one that can't be opened, and so doesn't tell itself.
    static let types: [(name: String, type: any Filesystem.Type)] = [
        ("ext4", ExtFilesystem.self), ("xfs", XFSFilesystem.self), ("btrfs", BtrfsFilesystem.self),
        ("vfat", FATFilesystem.self),
    ]
}
