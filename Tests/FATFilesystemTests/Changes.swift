import FATFilesystem
import GuestDisk
import Testing

/// Changes to a filesystem with the files of ``AwkwardTree``.
enum Changes {
    static let time: Int64 = 1_700_000_001

    /// Makes them, and tells what the listing should be then. A time is kept to two seconds.
    static func make(_ filesystem: FATFilesystem, _ before: Listing) throws -> Listing {
        var listing = before
        for (path, count) in [
            ("EFI/debian/grub.cfg", 9000), ("EFI/BOOT/BOOTX64.EFI", 1000), ("lower.txt", 0), ("noext", 5000),
            ("Übergrößenträger.txt", 98), ("many/a similar long name 7.conf", 100_000), ("UPPER.TXT", 512),
        ] {
            let file = try filesystem.file(path)
            let content = bytes(count, seed: 77)
            try filesystem.overwrite(file, with: content)
            #expect(try filesystem.capacity(of: file) >= content.count)
            guard case .file(let modified, _)? = listing[path] else { throw GuestError(.notFound, path) }
            listing[path] = .file(modified: modified, content: content)
        }
        for (directory, name) in [
            ("", "name with spaces.text"), ("EFI/debian", "shimx64.efi"), ("many", "a similar long name 3.conf"),
            ("many", "a similar long name 4.conf"),
        ] {
            try filesystem.remove(Array(name.utf8), in: filesystem.file(directory))
            #expect(listing.removeValue(forKey: path(directory, name)) != nil)
        }
        try create(filesystem, "", "NEW.CFG", bytes(3000), &listing)
        try create(filesystem, "", "lower.efi", bytes(10), &listing)
        try create(filesystem, "EFI/debian", "ext.LOW", bytes(0), &listing)
        try create(filesystem, "EFI/debian", "A name that is longer — ü.conf", bytes(70), &listing)
        try create(filesystem, "", "v2v", nil, &listing)
        try create(filesystem, "v2v", "deeper directory", nil, &listing)
        try create(filesystem, "v2v", String(repeating: "x", count: 255), bytes(8), &listing)
        try create(filesystem, "v2v/deeper directory", "file", bytes(1234), &listing)
        for number in 0..<40 { try create(filesystem, "many", "a similar file \(number)", bytes(number), &listing) }
        try create(filesystem, "many", String(repeating: "ö", count: 127), bytes(2), &listing)
        return listing
    }

    private static func path(_ directory: String, _ name: String) -> String {
        directory.isEmpty ? name : directory + "/" + name
    }

    private static func create(
        _ filesystem: FATFilesystem, _ directory: String, _ name: String, _ content: [UInt8]?, _ listing: inout Listing
    ) throws {
        let file = NewFile(
            content.map { .regular($0) } ?? .directory, permissions: 0o644, owner: 7, group: 7, modified: time)
        let made = try filesystem.create(Array(name.utf8), in: filesystem.file(directory), file)
        #expect(try filesystem.file(path(directory, name)) == made)
        listing[path(directory, name)] = content.map { .file(modified: time - 1, content: $0) } ?? .directory
    }
}
