import ExtFilesystem
import GuestDisk
import TestSupport
import Testing

/// Changes to a filesystem with the files of ``AwkwardTree``.
enum Changes {
    /// Makes as many as the filesystem allows, and tells what its listing should be then.
    static func make(_ filesystem: ExtFilesystem, _ before: FileListing) throws -> FileListing {
        var listing = before
        try overwrite(filesystem, "etc/fstab", content(30), &listing)
        guard filesystem.writability == .full else {
            #expect(filesystem.writability == .inPlace)
            return listing
        }
        for (path, count) in [
            ("etc/fstab", 9000), ("tiny", 70), ("small", 5000), ("block", 0), ("large", 700_000), ("holes", 1_500_000),
            ("hole-first", 3_100_000), ("empty", 10_000), ("block+1", 4096),
        ] {
            try overwrite(filesystem, path, content(count), &listing)
        }
        try remove(filesystem, "setuid", &listing)
        try remove(filesystem, "slow-link", &listing)
        try remove(filesystem, "fast-link", &listing)
        for number in 0..<3 { try remove(filesystem, "many/a-file-with-quite-a-long-name-0000\(number)", &listing) }
        try create(filesystem, "", "new", .regular(content(20_000)), &listing)
        try create(filesystem, "etc", "empty-new", .regular([]), &listing)
        try create(filesystem, "etc", "link", .symbolicLink(Array("fstab".utf8)), &listing)
        try create(filesystem, "etc", "long-link", .symbolicLink([UInt8](repeating: 0x7A, count: 800)), &listing)
        try create(filesystem, "", "folder", .directory, &listing)
        try create(filesystem, "folder", "inside", .regular(content(5)), &listing)
        for number in 0..<60 {
            let name = "another-file-with-quite-a-long-name-\(number)-" + String(repeating: "n", count: number % 90)
            try create(filesystem, "many", name, .regular([]), &listing)
        }
        return listing
    }

    /// The first `count` bytes, at most 4 MiB, of a content that no two blocks of are alike.
    static func content(_ count: Int) -> [UInt8] { Array(allContent.prefix(count)) }

    private static let allContent = [UInt8](unsafeUninitializedCapacity: 4 << 20) { buffer, count in
        buffer.withMemoryRebound(to: UInt32.self) { words in
            for index in words.indices { words[index] = UInt32(index) &* 0x9E37_79B1 }
        }
        count = buffer.count
    }

    private static func overwrite(
        _ filesystem: ExtFilesystem, _ path: String, _ content: [UInt8], _ listing: inout FileListing
    ) throws {
        try filesystem.overwrite(filesystem.file(path), with: content)
        // Names of the same file.
        let paths = path == "tiny" ? ["tiny", "tiny-link"] : [path]
        for path in paths {
            let key = hexadecimal("./\(path)".utf8)
            var fields = try #require(listing[key]).split(separator: " ", omittingEmptySubsequences: false)
            fields[4] = "\(content.count)"
            fields[7] = Substring(checksum(content))
            listing[key] = fields.joined(separator: " ")
        }
        #expect(checksum(try filesystem.readAll(filesystem.file(path), limit: .max)) == checksum(content))
    }

    private static func remove(_ filesystem: ExtFilesystem, _ path: String, _ listing: inout FileListing) throws {
        var names = path.split(separator: "/")
        let name = names.removeLast()
        try filesystem.remove(Array(name.utf8), in: filesystem.file(names.joined(separator: "/")))
        #expect(listing.removeValue(forKey: hexadecimal("./\(path)".utf8)) != nil)
    }

    private static func create(
        _ filesystem: ExtFilesystem, _ directory: String, _ name: String, _ content: NewFile.Content,
        _ listing: inout FileListing
    ) throws {
        let label = Array("system_u:object_r:etc_t:s0".utf8) + [0]
        // Filesystems of revision 0 have no attributes.
        let hasAttributes = listing.values.contains { $0.contains("=") }
        let file = NewFile(
            content, permissions: 0o751, owner: 100_000, group: 7, modified: 1_700_000_000,
            attributes: hasAttributes ? [ExtendedAttribute(name: "security.selinux", value: label)] : [])
        _ = try filesystem.create(Array(name.utf8), in: filesystem.file(directory), file)
        var (kind, size, links, told) = ("regular", 0, 1, "")
        switch content {
        case .regular(let bytes): (size, told) = (bytes.count, checksum(bytes))
        case .symbolicLink(let target): (kind, size, told) = ("symbolicLink", target.count, hexadecimal(target))
        case .directory:
            (kind, links) = ("directory", 2)
            let key = hexadecimal((directory.isEmpty ? "." : "./\(directory)").utf8)
            var fields = try #require(listing[key]).split(separator: " ", omittingEmptySubsequences: false)
            fields[5] = "\(try #require(Int(fields[5])) + 1)"
            listing[key] = fields.joined(separator: " ")
        }
        let path = "./" + (directory.isEmpty ? "" : "\(directory)/") + name
        listing[hexadecimal(path.utf8)] =
            "\(kind) 751 100000 7 \(size) \(links) 1700000000 \(told) "
            + (hasAttributes ? "\(hexadecimal("security.selinux".utf8))=\(hexadecimal(label))" : "")
    }
}
