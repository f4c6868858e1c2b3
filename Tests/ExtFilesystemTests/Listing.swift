import ByteLayout
import CZlib
import ExtFilesystem
import Foundation
import GuestDisk
import TestSupport

/// What is in a filesystem: what each file is, by its path, both written with escapes.
typealias Listing = [String: String]

/// The listing that the kernel gives of a filesystem in an image, mounted without being changed.
func kernelListing(_ image: String, options: String = "ro") throws -> Listing {
    let directory = try TemporaryDirectory()
    let mount = directory.file("mount")
    try Tool.check("mkdir", [mount])
    try Tool.check("mount", ["-o", "loop,\(options)", image, mount])
    defer { _ = try? Tool.run("umount", [mount]) }
    let output = try Tool.check("python3", ["-c", listingScript, mount])
    var listing = Listing()
    for line in output.split(separator: "\n") {
        let parts = line.split(separator: " ", maxSplits: 1)
        listing[String(parts[0])] = String(parts[1])
    }
    return listing
}

private let listingScript = #"""
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
        size = 0 if kind == 'directory' else status.st_size
        attributes = ['%s=%s' % (name, os.getxattr(path, name, follow_symlinks=False).hex())
                      for name in sorted(os.listxattr(path, follow_symlinks=False))]
        print(path.hex(), kind, '%o' % (status.st_mode & 0o7777), status.st_uid, status.st_gid, size, status.st_nlink,
              status.st_mtime_ns // 10**9, content, ','.join(attributes))

    tell(b'.')
    for directory, directories, files in os.walk(b'.'):
        for name in directories + files:
            tell(os.path.join(directory, name))
    """#

/// The listing that `filesystem` gives.
func listing(_ filesystem: ExtFilesystem) throws -> Listing {
    var listing = Listing()
    func tell(_ path: [UInt8], _ file: FileID) throws {
        let status = try filesystem.status(of: file)
        var content = ""
        switch status.kind {
        case .regular:
            content = checksum(try filesystem.readAll(file, limit: 1 << 28))
        case .symbolicLink: content = hexadecimal(try filesystem.readLink(file))
        default: break
        }
        let attributes = try filesystem.extendedAttributes(of: file).map { "\($0.name)=\(hexadecimal($0.value))" }
        let isDirectory = status.kind == .directory
        listing[hexadecimal(path)] =
            "\(status.kind) \(String(status.permissions, radix: 8)) \(status.owner) \(status.group) "
            + "\(isDirectory ? 0 : status.size) \(status.links) \(status.modified) \(content) "
            + attributes.joined(separator: ",")
        guard isDirectory else { return }
        var entries: [([UInt8], FileID)] = []
        try filesystem.forEachEntry(of: file) { name, file in
            entries.append((name, file))
            return true
        }
        for (name, file) in entries { try tell(path + [0x2F] + name, file) }
    }
    try tell([0x2E], filesystem.root)
    return listing
}

/// As zlib has it.
func checksum(_ bytes: [UInt8]) -> String {
    UInt32(crc32(0, bytes, UInt32(bytes.count))).hexadecimalDigits
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// What is only in one of two listings, for a message.
func difference(_ ours: Listing, _ theirs: Listing) -> String {
    var lines: [String] = []
    for path in Set(ours.keys).union(theirs.keys).sorted() where ours[path] != theirs[path] {
        lines.append("\(path)\n   ours   \(ours[path] ?? "-")\n   theirs \(theirs[path] ?? "-")")
    }
    return lines.prefix(8).joined(separator: "\n")
}
