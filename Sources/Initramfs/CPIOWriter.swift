import ByteLayout

/// Writes an archive in which nothing depends on when or where it is made: inodes are numbered in order, everything
/// belongs to root and is from 1970.
struct CPIOWriter {
    private(set) var bytes: [UInt8] = []
    private var inode: UInt32 = 0

    mutating func add(directory name: String, permissions: UInt32 = 0o755) {
        add(name, mode: CPIOEntry.directoryType | permissions, links: 2, [])
    }

    mutating func add(file name: String, permissions: UInt32 = 0o644, _ content: [UInt8]) {
        add(name, mode: CPIOEntry.regularType | permissions, links: 1, content)
    }

    mutating func add(symbolicLink name: String, to target: String) {
        add(name, mode: CPIOEntry.symbolicLinkType | 0o777, links: 1, Array(target.utf8))
    }

    /// Ends the archive.
    mutating func finish() {
        inode = 0
        write(CPIO.trailer, inode: 0, mode: 0, links: 1, [])
    }

    private mutating func add(_ name: String, mode: UInt32, links: UInt32, _ content: [UInt8]) {
        inode += 1
        write(name, inode: inode, mode: mode, links: links, content)
    }

    private mutating func write(_ name: String, inode: UInt32, mode: UInt32, links: UInt32, _ content: [UInt8]) {
        let nameLength = UInt32(name.utf8.count + 1)
        precondition(
            nameLength <= CPIO.maximumPath && content.count <= UInt32.max, "what cpio can't hold is not put in")
        bytes += CPIO.magics[0]
        // Inode, mode, owner, group, links, time, size, device, device of a device file, length of the name, checksum.
        for field in [inode, mode, 0, 0, links, 0, UInt32(content.count), 0, 0, 0, 0, nameLength, 0] {
            bytes += Array(field.hexadecimalDigits.utf8)
        }
        bytes += Array(name.utf8) + [0]
        align()
        bytes += content
        align()
    }

    private mutating func align() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}
