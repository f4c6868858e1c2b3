import ByteLayout
import CLinux
import Foundation
import TestSupport

/// Makes files that are hard to read: of every kind, in every form that XFS stores them in.
struct AwkwardTree {
    let root: String
    /// Of the filesystem, in bytes.
    let blockSize: Int
    /// Entries of the largest directory.
    let entries: Int

    func make() throws {
        try regularFiles()
        try links()
        try directories()
        try attributes()
        try specialFiles()
    }

    struct Failure: Error { var what: String, code: Int32 }

    private func require(_ condition: Bool, _ what: String = #function) throws {
        guard condition else { throw Failure(what: what, code: errno) }
    }

    private func path(_ name: String) -> String { root + "/" + name }

    /// Bytes that aren't like others.
    static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var bytes = [UInt8](repeating: 0, count: (count + 7) / 8 * 8)
        for offset in stride(from: 0, to: count, by: 8) {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            bytes.storeLittleEndian(state, at: offset)
        }
        return Array(bytes.prefix(count))
    }

    private func write(_ name: String, _ pieces: [(offset: Int, bytes: [UInt8])], size: Int? = nil) throws {
        let descriptor = open(path(name), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        try require(descriptor >= 0)
        defer { close(descriptor) }
        for piece in pieces {
            try require(pwrite(descriptor, piece.bytes, piece.bytes.count, piece.offset) == piece.bytes.count)
        }
        if let size { try require(ftruncate(descriptor, size) == 0) }
    }

    private func regularFiles() throws {
        for size in [0, 1, blockSize - 1, blockSize, blockSize + 1, 700_001] {
            try write("size \(size)", [(0, Self.bytes(size, seed: UInt64(size)))])
        }
        try write("holes", [(3 * blockSize, Self.bytes(100)), (400_000, Self.bytes(5000))], size: 900_001)
        try write("only a hole", [], size: 100_000)
        // Every other block, so that no extents can be joined: the list becomes a tree.
        try write("fragmented", (0..<200).map { (2 * $0 * blockSize, Self.bytes(blockSize / 2, seed: UInt64($0))) })
        try Tool.check(
            "xfs_io",
            [
                "-f", "-c", "falloc 0 300000", "-c", "pwrite -q 70000 5000", "-c", "falloc -k 300000 200000",
                path("allocated"),
            ])
        try write("times", [])
        for (index, seconds) in [-300_000_000, 4_200_000_000].enumerated() {
            try write("time \(index)", [])
            let times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 999_999_999)]
            try require(utimensat(AT_FDCWD, path("time \(index)"), times, 0) == 0)
        }
        try write("owned", [(0, [1])])
        try require(chown(path("owned"), 3_000_000_000, 70_000) == 0)
        try require(chmod(path("owned"), 0o6751) == 0)
    }

    private func links() throws {
        for length in [1, 60, 150, 400, 800, 1000, 1023] {
            let target = String(String(repeating: "link/", count: 205).prefix(length))
            try require(symlink(target, path("link \(length)")) == 0)
        }
        try require(link(path("owned"), path("owned too")) == 0)
    }

    private func directories() throws {
        for (name, count) in [("empty", 0), ("short", 4), ("block", 20), ("leaf", 200), ("node", entries)] {
            try require(mkdir(path(name), 0o1755) == 0)
            for index in 0..<count {
                let file = "\(name)/" + String(repeating: "long ", count: index % 7) + "\(index)"
                if index % 50 == 0 {
                    try write(file, [])
                } else {
                    try require(link(path("owned"), path(file)) == 0)
                }
            }
        }
        // Gaps, and entries of the index that are no longer used.
        try require(mkdir(path("gaps"), 0o700) == 0)
        for index in 0..<520 { try require(link(path("owned"), path("gaps/entry \(index)")) == 0) }
        for index in 0..<520 where index % 3 != 0 { try require(unlink(path("gaps/entry \(index)")) == 0) }
        // Names with the same hash: a bit of the last byte stands where one of the byte before is shifted to.
        try require(mkdir(path("bytes"), 0o755) == 0)
        for index in 0..<40 {
            let prefix = Array("\(root)/bytes/\(index)".utf8)
            for pair: [UInt8] in [[0x60, 0xC1], [0x61, 0x41]] {
                try require(link(path("owned").utf8.map { UInt8($0) }.cString, (prefix + pair).cString) == 0)
            }
        }
        try write("bytes/" + String(repeating: "ä", count: 127) + "x", [(0, Self.bytes(10))])
    }

    private func set(_ name: String, _ value: [UInt8], on file: String) throws {
        try require(lsetxattr(path(file), name, value, value.count, 0) == 0, "\(name) of \(file)")
    }

    private func attributes() throws {
        try write("attributes", [])
        try set("user.short", Array("value".utf8), on: "attributes")
        try set("user.empty", [], on: "attributes")
        try set("security.selinux", Array("system_u:object_r:etc_t:s0\0".utf8), on: "attributes")
        try set("trusted.overlay.opaque", [0x79], on: "attributes")
        let latin1 = Array("user.latin1-".utf8).map { CChar($0) } + [CChar(bitPattern: 0xE9), 0]
        try require(lsetxattr(path("attributes"), latin1, [1], 1, 0) == 0, "a name that is no UTF-8")
        for (name, count, length) in [("leaf", 12, 40), ("node", 150, 200), ("remote", 3, 20_000)] {
            try write("attributes \(name)", [(0, [1])])
            for index in 0..<count {
                try set(
                    "user.\(name) \(index)", Self.bytes(length + index, seed: UInt64(index)),
                    on: "attributes \(name)")
            }
        }
        try set("user.largest", Self.bytes(65536), on: "attributes remote")
        // Values of two files in turn: neither's blocks can follow each other, so each needs a tree of extents.
        for name in ["one", "two"] { try write("attributes \(name)", []) }
        for index in 0..<40 {
            for name in ["one", "two"] {
                try set("trusted.\(index)", Self.bytes(2 * blockSize, seed: UInt64(index)), on: "attributes \(name)")
            }
        }
        // Owner rwx, user 1000 r-x, group r-x, mask r-x, others nothing.
        var list: [UInt8] = [2, 0, 0, 0]
        for (tag, permissions, identifier) in [
            (1, 7, UInt32.max), (2, 5, 1000), (4, 5, .max), (16, 5, .max), (32, 0, .max),
        ] as [(UInt8, UInt8, UInt32)] {
            list += [tag, 0, permissions, 0] + withUnsafeBytes(of: identifier.littleEndian) { Array($0) }
        }
        try set("system.posix_acl_access", list, on: "attributes")
        try set("system.posix_acl_default", list, on: "short")
        try set("trusted.link", [1, 2, 3], on: "link 60")
    }

    private func specialFiles() throws {
        try require(mkfifo(path("fifo"), 0o600) == 0)
        try require(mknod(path("socket"), S_IFSOCK | 0o600, 0) == 0)
        try require(mknod(path("character"), S_IFCHR | 0o600, 0x103) == 0)
        try require(mknod(path("block device"), S_IFBLK | 0o600, 0x801) == 0)
    }
}
