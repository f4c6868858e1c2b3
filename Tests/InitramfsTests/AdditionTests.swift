import Foundation
import GuestDisk
import Initramfs
import TestSupport
import Testing

/// What is added is judged by unpacking the whole file with cpio and the compressors' tools, and asking the guest's
/// modprobe.
struct AdditionTests {
    private let root: ModuleRoot
    private let link = InitramfsFile(
        path: "etc/systemd/network/10-v2v-convert-ens192.link", content: Array("[Link]\n".utf8))

    init() throws {
        root = try ModuleRoot()
    }

    private var request: SegmentRequest {
        SegmentRequest(kernel: ModuleRoot.kernel, tree: root.modules, files: [link])
    }

    /// An initramfs with one module of the guest's, and what gives it some size.
    private func initramfs(usrMerged: Bool = true, command: String = "zstd -q -9", extra: Int = 0) throws -> [UInt8] {
        let tree = root.directory.file("initramfs")
        try? FileManager.default.removeItem(atPath: tree)
        let library = usrMerged ? "usr/lib" : "lib"
        let modules = "\(library)/modules/\(ModuleRoot.kernel)"
        try Tool.check("mkdir", ["-p", "\(tree)/\(modules)/kernel/drivers/scsi", "\(tree)/etc"])
        if usrMerged { try Tool.check("ln", ["-s", "usr/lib", tree + "/lib"]) }
        try Tool.check(
            "cp", [root.modules.path + "/kernel/drivers/scsi/scsi_mod.ko", "\(tree)/\(modules)/kernel/drivers/scsi/"])
        if extra > 0 {
            let words = (0..<extra).map { "\(($0 &* 2_654_435_761) >> 7 & 0xFFFF) some words\n" }.joined()
            try Tool.write(Array(words.utf8), to: tree + "/etc/words")
        }
        return try Archives.pipe(try Archives.pack(tree), command)
    }

    /// Unpacks `file`, and expects that the guest finds its modules there.
    @discardableResult
    private func expectComplete(_ file: [UInt8]) throws -> String {
        let path = root.directory.file("unpacked-\(UUID().uuidString)")
        try Archives.unpack(file, into: path)
        for module in ["virtio_pci", "virtio_blk", "virtio_net", "sd_mod"] {
            let loaded = try ModuleRoot.modprobe(module, root: path)
            for file in loaded where file.contains(".ko") {
                let original = try contents(of: root.modules.path + "/" + file)
                #expect(try contents(of: "\(path)/lib/modules/\(ModuleRoot.kernel)/\(file)") == original)
            }
        }
        #expect(try contents(of: path + "/" + link.path) == link.content)
        return path
    }

    @Test(arguments: [
        (true, "zstd -q -9"), (false, "zstd -q -9"), (true, "gzip -n"), (true, "xz --check=crc32"), (true, "lz4 -lq"),
        (true, "cat"),
    ])
    func appendedModulesAreFoundByModprobe(usrMerged: Bool, command: String) throws {
        let file = try initramfs(usrMerged: usrMerged, command: command)
        let image = InitramfsImage(file)
        let addition = try image.addition(for: request)
        #expect(!image.has(addition))
        #expect(addition.addedModules.count == 9 && !addition.addedModules.contains { $0.contains("scsi_mod") })
        #expect(addition.modules.presence.map(\.presence) == [.found, .found, .builtIn, .found, .found])
        let changed = try image.appended(addition, known: image.knownCompressions(configuration: nil))
        let end = try #require(image.segments.last).end
        #expect(Array(changed.prefix(end)) == Array(file.prefix(end)), "the guest's own archive stays as it is")
        let path = try expectComplete(changed)
        let kind = try FileManager.default.attributesOfItem(atPath: path + "/lib")[.type] as? FileAttributeType
        #expect(kind == (usrMerged ? .typeSymbolicLink : .typeDirectory))

        // The second run finds nothing to do; another request replaces the segment.
        let again = InitramfsImage(changed)
        #expect(again.problem == nil && again.segments.map(\.isOwn) == [false, true])
        #expect(again.has(try again.addition(for: request)))
        var other = request
        other.files = [InitramfsFile(path: "hook", permissions: 0o755, content: [1, 2, 3])]
        let replaced = try again.appended(again.addition(for: other), known: [.none])
        #expect(InitramfsImage(replaced).segments.map(\.isOwn) == [false, true])
        #expect(InitramfsImage(replaced).segments.last?.entries.contains { $0.name == "hook" } == true)
    }

    /// bsdtar is another reader of what we write.
    @Test func anotherReaderSeesTheSameArchive() throws {
        let image = InitramfsImage(try initramfs(command: "cat"))
        let changed = try image.appended(image.addition(for: request), known: [.none])
        let own = try #require(InitramfsImage(changed).segments.last)
        let file = try root.directory.write(Array(changed[own.offset..<own.end]), to: "own.cpio")
        let listed = try Tool.check("bsdtar", ["-tf", file]).split(separator: "\n").map {
            $0.hasSuffix("/") ? $0.dropLast() : $0
        }
        #expect(listed.map(String.init) == own.entries.map(\.name))
        #expect(own.offset % 4 == 0)
        // No directory of the initramfs, and above all no link, is written again.
        #expect(!own.entries.contains { ["lib", "usr", "usr/lib", "usr/lib/modules", "etc"].contains($0.name) })
    }

    /// Before Linux 5.14, an lz4 archive took everything behind it for its own blocks.
    @Test func behindLz4NothingButLz4IsAppended() throws {
        let file = try initramfs(command: "lz4 -lq")
        let image = InitramfsImage(file + [0, 0, 0, 0, 0])
        let changed = try image.appended(image.addition(for: request), known: Set(ArchiveCompression.allCases))
        #expect(changed.starts(with: file + [0x02, 0x21, 0x4C, 0x18]))
        let stream = try Archives.pipe(changed, "lz4 -qdc")
        #expect(InitramfsImage(stream).problem == nil)
        #expect(InitramfsImage(stream).segments.last?.entries.first?.name == ".v2v-convert")
    }

    /// Tools that unpack modules when they build an initramfs leave them under names that the guest's indexes don't
    /// have.
    @Test func modulesThatWereUnpackedStayFindable() throws {
        let compressed = try ModuleRoot(compressor: ("xz --check=crc32", ".xz"))
        let image = InitramfsImage(try initramfs())
        var request = request
        request.tree = compressed.modules
        let changed = try image.appended(image.addition(for: request), known: [.zstd])
        let path = root.directory.file("unpacked")
        try Archives.unpack(changed, into: path)
        let modules = "\(path)/lib/modules/\(ModuleRoot.kernel)"
        for file in try ModuleRoot.modprobe("sd_mod", root: path) {
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(modules)/\(file)")
            #expect(FileManager.default.fileExists(atPath: target.map { path + $0 } ?? "\(modules)/\(file)"), "\(file)")
        }
    }

    @Test(arguments: ["gzip -n9", "zstd -q -3", "lz4 -lq", "cat"])
    func addsInPlaceByCompressingHarder(command: String) throws {
        let file = try initramfs(command: command, extra: 60_000)
        let image = InitramfsImage(file)
        let addition = try image.addition(for: request)
        let changed = try #require(
            try image.inPlace(addition, known: Set(ArchiveCompression.allCases), readsMachineCode: true))
        #expect(changed.count == file.count)
        let path = try expectComplete(changed)
        #expect(try contents(of: path + "/etc/words") == contents(of: root.directory.file("initramfs/etc/words")))
        let again = InitramfsImage(changed)
        #expect(again.has(try again.addition(for: request)))
        // The same result each time, however many threads were at work.
        #expect(try image.inPlace(addition, known: Set(ArchiveCompression.allCases), readsMachineCode: true) == changed)
    }

    @Test func saysWhenThereIsNoRoom() throws {
        let image = InitramfsImage(try initramfs(command: "gzip -n9"))
        #expect(try image.inPlace(image.addition(for: request), known: [.none, .gzip], readsMachineCode: false) == nil)
    }

    /// Microcode is found by its place only: it stays in front, as it is.
    @Test func microcodeStaysInFront() throws {
        try root.directory.write(Array("microcode".utf8), to: "early/kernel/x86/microcode/a.bin", parents: true)
        let early = try Archives.pack(root.directory.file("early"))
        let image = InitramfsImage(early + (try initramfs(command: "gzip -n1", extra: 60_000)))
        let changed = try #require(
            try image.inPlace(image.addition(for: request), known: [.none, .gzip, .zstd], readsMachineCode: false))
        #expect(changed.starts(with: early.prefix(image.segments[0].length)))
        #expect(InitramfsImage(changed).segments.map(\.isEarly) == [true, false, false])
        try expectComplete(changed)
    }

    @Test func nothingIsAddedWhereNothingLacks() throws {
        var request = request
        request.modules = ["scsi_mod", "virtio_scsi", "missing"]
        request.optionalModules = []
        request.files = []
        let image = InitramfsImage(try initramfs())
        let addition = try image.addition(for: request)
        #expect(addition.isEmpty && image.has(addition))
        #expect(addition.modules.presence.map(\.presence) == [.found, .builtIn, .missing])
        #expect(try image.appended(addition, known: [.none]) == image.bytes)
    }

    /// A link where a file should go, or a file where a directory should be, is not replaced.
    @Test func whatIsInTheWayIsLeftAlone() throws {
        let image = InitramfsImage(try initramfs())
        for path in [
            "lib", "lib/modules", "usr/lib/modules/\(ModuleRoot.kernel)/kernel/drivers/scsi/scsi_mod.ko/x", "..",
        ] {
            var request = request
            request.files = [InitramfsFile(path: path, content: [])]
            #expect(throws: GuestError.self) { try image.addition(for: request) }
        }
        var request = request
        request.kernel = "../../etc"
        #expect(throws: GuestError.self) { try image.addition(for: request) }
    }
}
