import CLinux
import Foundation
import GuestDisk

/// A tree as the kernel shows it, below a mount point.
struct KernelTree {
    private let mount: [UInt8]
    private var tree: Tree = [:]
    /// Files that have been read, by the numbers of their inodes: those of several names are read once.
    private var known: [ino_t: FileRecord] = [:]

    static func read(_ mount: String) throws -> Tree {
        var kernels = KernelTree(mount: Array(mount.utf8))
        try kernels.add([])
        return kernels.tree
    }

    private init(mount: [UInt8]) {
        self.mount = mount
    }

    private mutating func add(_ path: [UInt8]) throws {
        let full = mount + path
        let record = try record(full)
        tree[path] = record
        guard record.status.kind == .directory else { return }
        for name in try Self.names(in: full) { try add(path + [UInt8(ascii: "/")] + name) }
    }

    private static func failure(_ path: [UInt8]) -> any Error {
        NSError(
            domain: NSPOSIXErrorDomain, code: Int(errno),
            userInfo: [NSFilePathErrorKey: String(decoding: path, as: UTF8.self)])
    }

    /// Names are bytes: Foundation would refuse those that are not UTF-8.
    private static func names(in directory: [UInt8]) throws -> [[UInt8]] {
        guard let stream = opendir(directory.cString) else { throw failure(directory) }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
        }
        return names
    }

    private mutating func record(_ path: [UInt8]) throws -> FileRecord {
        var status = stat()
        guard lstat(path.cString, &status) == 0 else { throw Self.failure(path) }
        if let record = known[status.st_ino] { return record }
        let kind: FileStatus.Kind
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        case S_IFCHR: kind = .characterDevice
        case S_IFBLK: kind = .blockDevice
        case S_IFIFO: kind = .fifo
        default: kind = .socket
        }
        var record = FileRecord(
            status: FileStatus(
                kind: kind, permissions: UInt16(status.st_mode & 0o7777), owner: status.st_uid, group: status.st_gid,
                size: UInt64(status.st_size), links: UInt32(status.st_nlink), modified: Int64(status.st_mtim.tv_sec)))
        if kind == .regular { record.content = try Self.content(path, count: Int(status.st_size)) }
        if kind == .symbolicLink {
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink(path.cString, &buffer, buffer.count)
            record.target = buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }
        }
        record.attributes = Self.attributes(path)
        known[status.st_ino] = record
        return record
    }

    private static func content(_ path: [UInt8], count: Int) throws -> [UInt8] {
        let descriptor = open(path.cString, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        guard Glibc.read(descriptor, &bytes, count) == count else { throw failure(path) }
        return bytes
    }

    /// Without the twins of access control lists that the kernel shows to root in XFS's own form.
    private static func attributes(_ path: [UInt8]) -> [ExtendedAttribute] {
        var list = [CChar](repeating: 0, count: 65536)
        let length = llistxattr(path.cString, &list, list.count)
        let names = list.prefix(max(length, 0)).map { UInt8(bitPattern: $0) }.split(separator: 0)
        return names.map { name in
            var value = [UInt8](repeating: 0, count: 65536)
            let count = lgetxattr(path.cString, Array(name).cString, &value, value.count)
            return ExtendedAttribute(name: Array(name), value: Array(value.prefix(count)))
        }.filter { !$0.name.starts(with: "trusted.SGI_ACL".utf8) }.sorted(by: ExtendedAttribute.isBefore)
    }
}

extension [UInt8] {
    /// With a zero behind, as C has it.
    var cString: [CChar] { map { CChar(bitPattern: $0) } + [0] }
}
