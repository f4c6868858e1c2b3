import ExtFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

/// Files that whoever mounts the filesystem next has to free or cut, and what else an inode has besides its blocks.
@Suite struct OrphanTests {
    private static let content = Changes.content(300_000)

    /// Makes, overwrites and removes files beside, and has e2fsck finish what was interrupted.
    private func requireOtherChanges(_ image: Image) throws {
        let filesystem = try image.open()
        let file = NewFile(.regular(Self.content), permissions: 0o644, modified: 1)
        for number in 0..<40 {
            _ = try filesystem.create(Array("new-\(number)".utf8), in: filesystem.root, file)
        }
        for number in 0..<20 { try filesystem.remove(Array("new-\(number)".utf8), in: filesystem.root) }
        try filesystem.overwrite(filesystem.file("kept"), with: Self.content)
        try filesystem.remove(Array("gone".utf8), in: filesystem.root)
        try filesystem.flush()
        let repair = try Tool.run("e2fsck", ["-fp", image.path])
        #expect([0, 1].contains(repair.status), "\(repair)")
        #expect(!repair.output.contains("UNEXPECTED"))
        #expect(try image.complaints() == nil)
        for path in ["kept"] + (20..<40).map({ "new-\($0)" }) {
            #expect(same(try image.dump("/" + path), Self.content), "\(path)")
        }
    }

    @Test(
        "A file that is still to be cut is not removed; others change beside it",
        arguments: ["-t ext4", "-t ext3 -b 1024"])
    func filesToBeCut(options: String) throws {
        let image = try Image(options, size: "32M", filled: false)
        let source = try image.directory.write(Self.content, to: "source")
        try image.debug("write \(source) cut", "write \(source) last", "write \(source) kept", "write \(source) gone")
        let (cut, last) = try (image.open().file("cut").number, image.open().file("last").number)
        // Each leads to the next one by what is its time of deletion otherwise.
        try image.debug(
            "sif cut dtime \(last)", "sif cut size 5000", "sif last dtime 0", "sif last size 0",
            "ssv last_orphan \(cut)")
        for name in ["cut", "last"] {
            let filesystem = try image.open()
            #expect {
                try filesystem.remove(Array(name.utf8), in: filesystem.root)
            } throws: { error in
                (error as? GuestError)?.code == .unsupported
            }
        }
        try requireOtherChanges(image)
        #expect(same(try image.dump("/cut"), Array(Self.content.prefix(5000))))
        try image.debug("ssv last_orphan \(cut)", "sif cut dtime \(cut)")
        let filesystem = try image.open()
        #expect {
            try filesystem.remove(Array("last".utf8), in: filesystem.root)
        } throws: { error in
            (error as? GuestError)?.code == .damaged
        }
    }

    /// As a copy of a machine that is running has them: the kernel's chain, and its file of them.
    @Test(
        "Files that were open when they were removed stay what they are", .enabled(if: Capabilities.canMount),
        arguments: ["-t ext4", "-t ext4 -O orphan_file", "-t ext4 -b 1024 -O orphan_file"])
    func openFiles(options: String) throws {
        let image = try Image(options, size: "64M", filled: false)
        let copy = try Image(copying: image)
        let mount = image.directory.file("mount")
        try Tool.check("mkdir", [mount])
        try Tool.check("mount", ["-o", "loop", image.path, mount])
        defer { try? Tool.unmount(mount) }
        let script = #"""
            import os, shutil, subprocess, sys
            os.chdir(sys.argv[1])
            for name in ('kept', 'gone'):
                open(name, 'w').write('x' * 100000)
            files = [open('open-%d' % i, 'w') for i in range(300)]
            for i, file in enumerate(files):
                file.write('still here' * 1000)
                file.flush()
                os.remove('open-%d' % i)
            subprocess.run(['sync', '-f', '.'], check=True)
            shutil.copyfile(sys.argv[2], sys.argv[3])
            """#
        try Tool.check("python3", ["-c", script, mount, image.path, copy.path])
        let header = try Tool.check("dumpe2fs", ["-h", copy.path])
        #expect(header.contains("First orphan inode:") || header.contains("orphan_present"))
        try requireOtherChanges(copy)
    }

    /// Of files whose values are the same the kernel keeps one.
    @Test("Large values of attributes are given up with the file", .enabled(if: Capabilities.canMount))
    func attributeInodes() throws {
        let image = try Image("-t ext4 -O ea_inode", size: "16M", filled: false)
        let script = #"""
            import os, subprocess, sys
            os.chdir(sys.argv[1])
            for name in ('file', 'other'):
                open(name, 'w').write(name)
                os.setxattr(name, 'user.shared', b's' * 20000)
                os.setxattr(name, 'user.own', name.encode() * 3000)
                os.setxattr(name, 'user.small', b'x')
            os.symlink('file', 'link')
            subprocess.run(['sync', '-f', '.'], check=True)
            """#
        let filled = try Image(copyingMounted: image, script: script)
        // Status 1: it has corrected something, as it does with a filesystem that was in use.
        #expect(try Tool.run("e2fsck", ["-fp", filled.path]).status <= 1)
        #expect(try filled.complaints() == nil)
        let filesystem = try filled.open()
        for name in ["file", "link"] { try filesystem.remove(Array(name.utf8), in: filesystem.root) }
        try filesystem.flush()
        #expect(try filled.complaints() == nil)
        let left = try filled.open()
        let sizes = try left.extendedAttributes(of: left.file("other")).map(\.value.count)
        #expect(sizes == [15_000, 20_000, 1])
    }
}
