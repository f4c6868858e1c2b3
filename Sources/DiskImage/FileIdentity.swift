package import Glibc

/// Which file or device it is, whatever path or link leads there; or which export.
package struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
    /// The device a block-device node stands for: two nodes with different inodes may be the same disk.
    let blockDevice: UInt64
    /// Names an export; empty for files and devices.
    private let uri: String
    /// Where in the file the part starts that is meant; 0 for all of it.
    private var base: UInt64 = 0

    package init(_ status: stat) {
        let isBlockDevice = status.st_mode & S_IFMT == S_IFBLK
        device = isBlockDevice ? 0 : UInt64(status.st_dev)
        inode = isBlockDevice ? 0 : UInt64(status.st_ino)
        blockDevice = isBlockDevice ? UInt64(status.st_rdev) : 0
        uri = ""
    }

    /// The identity of the export at `uri`: other names of the same one are not known to be that.
    package init(uri: String) {
        device = 0
        inode = 0
        blockDevice = 0
        self.uri = uri
    }

    /// The identity of what `path` leads to, links followed; nil if there is nothing.
    package init?(path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// The identity of the part of this file that starts at byte `base`.
    func part(at base: UInt64) -> FileIdentity {
        var part = self
        part.base = base
        return part
    }
}
