import Foundation
import GuestDisk
import GuestFixups
import TestSupport
import Testing

/// What a guest on btrfs, where we can't make files, is left to do itself. The scripts are run as they are.
@Suite(.enabled(if: canRunScripts, "needs mkfs.btrfs and mounts of one's own"))
struct FirstBootTests {
    private static let kernel = "5.14.0-427.el9.x86_64"
    private static let uuid = "6e6f7420-6120-7265-616c-206775657374"
    private static let initramfs = "/boot/initramfs.img"

    private let manifest = """
        schema: 1
        name: ours
        summary: as we want it
        actions:
          - write-file: {path: "/etc/it's/ours", content: no newline, permissions: "0600"}
          - remove-file: /etc/gone
        """

    /// An initramfs that gets smaller when it is compressed again: what repeats is too far apart for gzip.
    private static var padding: String {
        var generator = SystemRandomNumberGenerator()
        let block = (0..<6000).map { _ in String(generator.next() as UInt64, radix: 16) }.joined()
        return String(repeating: block, count: 4)
    }

    private func guest(_ builder: PhonyKernel.Builder, _ files: [String: String]) throws -> PhonyTree {
        try PhonyTree(
            [
                "/etc/os-release": "ID=rhel\nVERSION_ID=9.4\n",
                "/etc/fstab": "UUID=\(Self.uuid) / btrfs defaults 0 0\n",
                "/etc/gone": "x", "/usr/bin/dracut": "", "/usr/lib/systemd/systemd": "",
                "/usr/lib/systemd/network/99-default.link": "",
                "/boot/loader/entries/a.conf": "linux /vmlinuz-\(Self.kernel)\ninitrd /initramfs.img\n",
            ],
            kernels: [PhonyKernel(version: Self.kernel, initramfs: Self.initramfs, builder: builder)],
            initramfsFiles: files.merging(["/padding": Self.padding]) { $1 })
    }

    private func disk(_ tree: PhonyTree) throws -> String {
        let path = tree.directory.file("disk")
        try Tool.check("truncate", ["-s", "128M", path])
        try Tool.check("mkfs.btrfs", ["-q", "-U", Self.uuid, "--rootdir", tree.path, path])
        return path
    }

    private func fix(_ disk: String) throws -> FixupReport {
        let own = try Manifest(manifest, file: "ours.yaml")
        var fixup = Fixup(manifests: ManifestSet(try ManifestSet.builtIn() + [own]))
        fixup.bindings = try [#require(NameBinding(address: "00:50:56:aa:bb:01", name: "ens192"))]
        return try fixup.run(on: Machine([try FileDevice(disk)]))
    }

    /// Unpacks what was added to the initramfs, as btrfs, zstd and cpio read it.
    private func unpack(_ disk: String, _ tree: PhonyTree) throws -> String {
        let files = tree.directory.file("restored")
        try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
        try Tool.check("btrfs", ["restore", disk, files])
        let image = try Data(contentsOf: URL(filePath: files + Self.initramfs))
        #expect(image.count == fileSize(tree.path + Self.initramfs))
        let magic = Data([0x28, 0xB5, 0x2F, 0xFD])
        let last = try #require(image.range(of: magic, options: .backwards))
        let path = try tree.directory.write(Array(image[last.lowerBound...]), to: "segment")
        let segment = tree.directory.file("segment.files")
        // What follows are zeros, of which zstd complains.
        try Tool.check("sh", ["-c", "mkdir \(segment) && zstd -dcq \(path) 2>&- | cpio --quiet -idm -D \(segment)"])
        return segment
    }

    /// Boots: runs the hook, then the service that it has put into `/run`.
    private func boot(_ root: String, _ hook: String, _ segment: String) throws {
        let script = """
            set -e
            mkdir -p "$1/var/lib" "$1/run"
            for d in etc run var/lib; do mount --bind "$1/$d" "/$d"; done
            sed "s#/v2v-convert/run#$3&#" "$2" | sh
            [ "$(readlink -f /run/systemd/system/multi-user.target.wants/v2v-convert.service)" = /run/systemd/system/v2v-convert.service ]
            $(sed -n 's/^ExecStart=//p' /run/systemd/system/v2v-convert.service)
            """
        try Tool.check("unshare", ["-r", "-m", "sh", "-c", script, "sh", root, hook, segment])
        try FileManager.default.removeItem(atPath: root + "/run")
    }

    @Test(arguments: [
        (PhonyKernel.Builder.dracut, "/usr/lib/dracut/hooks/pre-pivot/90-v2v-convert.sh"),
        (.initramfsTools, "/scripts/local-bottom/v2v-convert"),
    ])
    func theGuestDoesOnceWhatWeCanNot(_ builder: PhonyKernel.Builder, _ hook: String) throws {
        let order = ["/scripts/local-bottom/ORDER": "/scripts/local-bottom/other \"$@\"\n"]
        let tree = try guest(builder, builder == .initramfsTools ? order : [:])
        let disk = try disk(tree)
        let report = try fix(disk)
        #expect(report.isComplete)
        #expect(report.notes.map(\.code) == [FixupNote.Code](repeating: .firstBoot, count: 4))
        #expect(report.changes.map(\.path) == [Self.initramfs])
        #expect(try Tool.run("btrfs", ["check", disk]).status == 0)

        let segment = try unpack(disk, tree)
        if builder == .initramfsTools {
            let expected = "/scripts/local-bottom/other \"$@\"\n/scripts/local-bottom/v2v-convert \"$@\"\n"
            #expect(try String(contentsOfFile: segment + "/scripts/local-bottom/ORDER", encoding: .utf8) == expected)
        }
        try boot(tree.path, segment + hook, segment)
        let link = tree.path + "/etc/systemd/network/10-v2v-convert-ens192.link"
        #expect(try String(contentsOfFile: link, encoding: .utf8).contains("Name=ens192"))
        let dracut = tree.path + "/etc/dracut.conf.d/90-v2v-convert.conf"
        #expect(try String(contentsOfFile: dracut, encoding: .utf8).contains("virtio_blk"))
        #expect(try String(contentsOfFile: tree.path + "/etc/it's/ours", encoding: .utf8) == "no newline")
        #expect(try Tool.check("stat", ["-c", "%a", tree.path + "/etc/it's/ours"]) == "600\n")
        #expect(!FileManager.default.fileExists(atPath: tree.path + "/etc/gone"))

        // What an administrator undoes stays undone.
        try FileManager.default.removeItem(atPath: link)
        try boot(tree.path, segment + hook, segment)
        #expect(!FileManager.default.fileExists(atPath: link))
        #expect(try fix(disk).changes.isEmpty)
    }

    @Test func whereNoHookIsRunThatIsTold() throws {
        let tree = try guest(.other, [:])
        let report = try withExtendedLifetime(tree) { try fix(disk(tree)) }
        #expect(!report.isComplete)
        #expect(
            report.notes.map(\.code) == [.rebuildNotConfigured, .fileNotChanged, .fileNotChanged, .fileNotChanged])
    }
}

private let canRunScripts =
    Capabilities.has("mkfs.btrfs")
    && (try? Tool.run("unshare", ["-r", "-m", "mount", "-t", "tmpfs", "none", "/etc"]).status) == 0
