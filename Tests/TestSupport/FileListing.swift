import CZlib
package import GuestDisk

/// What is in a tree of files: what each file is, by its path. Names, links and attributes are in hexadecimal digits, of contents
/// there is a checksum.
package typealias FileListing = [String: String]

extension FileListing {
    /// What the kernel shows below a directory of this machine.
    package init(ofDirectory path: String) throws {
        self.init()
        for line in try Tool.check("python3", ["-c", Self.script, path]).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            self[String(parts[0])] = String(parts[1])
        }
    }

    private static let script = #"""
        import os, stat, sys, zlib
        os.chdir(os.fsencode(sys.argv[1]))
        kinds = {stat.S_IFREG: 'regular', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symbolicLink', stat.S_IFIFO: 'fifo',
                 stat.S_IFCHR: 'characterDevice', stat.S_IFBLK: 'blockDevice', stat.S_IFSOCK: 'socket'}

        def tell(path):
            status = os.lstat(path)
            kind = kinds[stat.S_IFMT(status.st_mode)]
            content = ''
            if kind == 'regular':
                content = '%08x' % zlib.crc32(open(path, 'rb').read())
            elif kind == 'symbolicLink':
                content = os.readlink(path).hex()
            names = sorted(os.fsencode(name) for name in os.listxattr(path, follow_symlinks=False))
            attributes = ['%s=%s' % (name.hex(), os.getxattr(path, name, follow_symlinks=False).hex()) for name in names]
            size = 0 if kind == 'directory' else status.st_size
            # What stands for an absent subvolume of btrfs has the time at which it is looked at.
            modified = 0 if status.st_ino == 2 and path != b'.' else status.st_mtime_ns // 10**9
            print(path.hex(), kind, '%o' % (status.st_mode & 0o7777), status.st_uid, status.st_gid, size, status.st_nlink,
                  modified, content, ','.join(attributes))

        tell(b'.')
        for directory, directories, files in os.walk(b'.'):
            for name in directories + files:
                tell(os.path.join(directory, name))
        """#

    /// What `filesystem` has below `top`, or the root.
    /// - Parameter isSound: that what is listed is found by its name, too.
    package init(
        _ filesystem: any Filesystem, below top: FileID? = nil, depth: Int = 16, isSound: Bool = true
    ) throws {
        self.init()
        try add([0x2E], top ?? filesystem.root, of: filesystem, depth, isSound)
    }

    private mutating func add(
        _ path: [UInt8], _ file: FileID, of filesystem: any Filesystem, _ depth: Int, _ isSound: Bool
    ) throws {
        let status = try filesystem.status(of: file)
        let isDirectory = status.kind == .directory
        let content =
            switch status.kind {
            case .regular: checksum(try filesystem.readAll(file, limit: 1 << 28))
            case .symbolicLink: hexadecimal(try filesystem.readLink(file))
            default: ""
            }
        let attributes = try filesystem.extendedAttributes(of: file)
            .map { "\(hexadecimal($0.name))=\(hexadecimal($0.value))" }
        self[hexadecimal(path)] =
            "\(status.kind) \(String(status.permissions, radix: 8)) \(status.owner) \(status.group) "
            + "\(isDirectory ? 0 : status.size) \(status.links) \(status.modified) \(content) "
            + attributes.joined(separator: ",")
        guard isDirectory, depth > 0 else { return }
        var entries: [([UInt8], FileID)] = []
        try filesystem.forEachEntry(of: file) { name, file in
            entries.append((name, file))
            return true
        }
        for (name, entry) in entries {
            if isSound, try filesystem.lookUp(name, in: file) != entry {
                throw GuestError(.damaged, "\(hexadecimal(name)) is listed, and not found")
            }
            try add(path + [0x2F] + name, entry, of: filesystem, depth - 1, isSound)
        }
    }

    /// In what two listings differ, for a message; empty if they don't.
    package static func difference(_ ours: FileListing, _ theirs: FileListing) -> String {
        Set(ours.keys).union(theirs.keys).filter { ours[$0] != theirs[$0] }.sorted().prefix(8)
            .map { "\($0)\n   ours   \(ours[$0] ?? "-")\n   theirs \(theirs[$0] ?? "-")" }.joined(separator: "\n")
    }
}

/// What Python's `zlib.crc32` tells, by the same library: ours takes its time in a debug build.
package func checksum(_ bytes: [UInt8]) -> String {
    let digits = String(UInt32(crc32(0, bytes, UInt32(bytes.count))), radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}

package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
