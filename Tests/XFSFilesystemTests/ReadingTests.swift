import Foundation
import GuestDisk
import TestSupport
import Testing

@testable import XFSFilesystem

/// What is read is what the kernel shows of the same image.
@Suite(.enabled(if: Capabilities.canMount && Capabilities.has("mkfs.xfs") && Capabilities.has("xfs_io")))
struct ReadingTests {
    /// Options of mkfs.xfs, and how large the largest directory is.
    static let variants: [(options: String, entries: Int)] = [
        ("", 4000),
        ("-b size=1024", 600),
        ("-b size=2048", 600),
        ("-b size=1024 -n size=65536", 1200),
        ("-n size=8192", 600),
        ("-n size=16384", 1500),
        ("-n size=65536 -i size=2048", 1200),
        ("-i size=1024", 600),
        ("-i size=2048 -b size=4096", 600),
        ("-i nrext64=1", 600),
        ("-i nrext64=1 -b size=1024", 600),
        ("-i sparse=0", 600),
        ("-i sparse=1 -m inobtcount=0", 600),
        ("-m reflink=0", 600),
        ("-m rmapbt=1", 600),
        ("-m rmapbt=1,reflink=0 -l size=4m", 600),
        ("-m bigtime=0", 600),
        ("-m bigtime=0,inobtcount=0,finobt=0,reflink=0", 600),
        ("-d agcount=1", 600),
        ("-d agcount=4", 600),
        ("-s size=4096", 600),
        ("-l su=32k", 600),
        ("-d su=16k,sw=2", 600),
        ("-i maxpct=50 -b size=2048 -n size=4096", 600),
        ("-L label -m uuid=3e0fb52a-8f4e-4a53-b4a2-3e3b1a7a9f01", 600),
    ]

    @Test(arguments: variants)
    func treeIsWhatTheKernelShows(_ options: String, entries: Int) throws {
        let image = try XFSImage(options.split(separator: " ").map(String.init))
        let blockSize = Int(try image.value("blocksize", ["sb 0"])) ?? 4096
        try image.mounted { try AwkwardTree(root: $0, blockSize: blockSize, entries: entries).make() }
        let filesystem = try image.filesystem()
        #expect(filesystem.logState == .clean)
        #expect(filesystem.writability == .inPlace)
        let ours = try OurTree.read(filesystem)
        let kernels = try image.kernelTree()
        #expect(differences(ours, kernels) == [])
        #expect(ours.count > entries)
    }

    @Test func identityIsWhatBlkidPrints() throws {
        let image = try XFSImage(["-L", "twelve bytes"])
        // A filesystem whose UUID was changed keeps the old one in its metadata.
        for _ in 0..<2 {
            let identity = try image.filesystem().identity
            #expect(identity.type == (try blkid("TYPE", image)))
            #expect(identity.uuid == (try blkid("UUID", image)))
            #expect(identity.label == (try blkid("LABEL", image)))
            let filesystem = try image.filesystem()
            try filesystem.forEachEntry(of: filesystem.root) { _, _ in true }
            try Tool.check("xfs_admin", ["-U", "generate", image.path])
        }
    }

    private func blkid(_ what: String, _ image: XFSImage) throws -> String {
        try Tool.check("blkid", ["-p", "-o", "value", "-s", what, image.path]).trimmed
    }

    /// Inode numbers of more than 32 bits, which directories in inodes store in another way.
    @Test func largeFilesystemIsWhatTheKernelShows() throws {
        let image = try XFSImage(["-l", "size=16m"], size: "8T")
        try image.mounted { mount in
            for index in 0..<16 { try Tool.check("mkdir", ["-p", "\(mount)/\(index)/a/b/c"]) }
            try Tool.check("touch", ["\(mount)/9/file", "\(mount)/12/a/file"])
        }
        let filesystem = try image.filesystem()
        let ours = try OurTree.read(filesystem)
        #expect(differences(ours, try image.kernelTree()) == [])
        var largest: UInt64 = 0
        try filesystem.forEachEntry(of: filesystem.root) { _, file in
            largest = max(largest, file.number)
            return true
        }
        #expect(largest > UInt64(UInt32.max))
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["V2V_LARGE_TESTS"] != nil))
    func directoryOfHundredThousandEntries() throws {
        let image = try XFSImage([], size: "400M")
        try image.mounted { try AwkwardTree(root: $0, blockSize: 4096, entries: 100_000).make() }
        let ours = try OurTree.read(image.filesystem())
        #expect(differences(ours, try image.kernelTree()) == [])
    }
}

extension String {
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
