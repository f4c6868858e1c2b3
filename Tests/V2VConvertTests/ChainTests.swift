import Foundation
import TestSupport
import Testing
import V2VConvert

/// Snapshots and overlays over their parents, judged by qemu-img.
@Suite struct ChainTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    /// Writes in `image`: patterns, and zeros that hide what is below.
    private func scribble(_ image: String, _ format: String, seed: Int) throws {
        try Tool.check(
            "qemu-io",
            [
                "-f", format, "-c", "write -P \(seed) \(seed * 131072) 70000", "-c",
                "write -z \(seed * 200000 / 65536 * 65536) 131072",
                "-c", "write -P \(seed + 1) 5000192 512", image,
            ])
    }

    private func requireRight(_ image: String, _ format: String) async throws {
        let expected = directory.file("expected.raw")
        try Tool.check("qemu-img", ["convert", "-f", format, "-O", "raw", image, expected])
        for name in ["out.raw", "out.qcow2"] {
            var converter = Converter(
                source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file(name)))
            converter.target.existing = .replace
            converter.target.compresses = name == "out.qcow2"
            try await converter.convert()
            try QEMU.requireIdentical(expected, directory.file(name), format: name == "out.raw" ? "raw" : "qcow2")
        }
        try QEMU.requireClean(directory.file("out.qcow2"))
    }

    @Test(arguments: ["monolithicSparse", "streamOptimized", "monolithicFlat", "twoGbMaxExtentSparse"])
    func vmdkSnapshotsOverEveryKindOfBase(subformat: String) async throws {
        var parent = directory.file("base.vmdk")
        try QEMU.convert(raw, to: parent, format: "vmdk", options: "subformat=\(subformat)")
        for depth in 1...3 {
            let child = directory.file("snap-00000\(depth).vmdk")
            let options = depth == 2 ? ["-o", "zeroed_grain=on"] : []
            try Tool.check(
                "qemu-img", ["create", "-q", "-f", "vmdk", "-b", parent, "-F", "vmdk"] + options + [child])
            try scribble(child, "vmdk", seed: depth * 7)
            parent = child
        }
        try await requireRight(parent, "vmdk")
    }

    /// As ESXi does where a snapshot is kept in another directory than its base.
    @Test func aVMDKSnapshotMayHaveTheNameOfItsParent() async throws {
        for name in ["base", "snapshot"] {
            try FileManager.default.createDirectory(atPath: directory.file(name), withIntermediateDirectories: true)
        }
        let parent = directory.file("base/disk.vmdk")
        try QEMU.convert(raw, to: parent, format: "vmdk")
        let child = directory.file("snapshot/disk.vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", "-b", "../base/disk.vmdk", "-F", "vmdk", child])
        try scribble(child, "vmdk", seed: 5)
        let expected = directory.file("expected.raw")
        try Tool.check("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", child, expected])
        var bytes = try contents(of: child)
        for hint in ["../base/disk.vmdk", "/vmfs/base/disk.vmdk"] {
            let start = try #require(bytes.firstRange(of: Array("parentFileNameHint=\"".utf8))?.upperBound)
            let end = try #require(bytes[start...].firstIndex(of: UInt8(ascii: "\n")))
            // The text may grow into the padding behind it.
            let longer = Array("\(hint)\"".utf8)
            bytes.replaceSubrange(start..<end, with: longer)
            let text = try #require(bytes[end...].firstIndex(of: 0))
            let surplus = longer.count - (end - start)
            if surplus > 0 { bytes.removeSubrange(text..<text + surplus) }
            try Tool.write(bytes, to: child)
            var converter = Converter(
                source: DiskImageSource(path: child), target: DiskImageTarget(path: directory.file("out.raw")))
            converter.source.allowsOutsideFiles = true
            converter.target.existing = .replace
            try await converter.convert()
            try QEMU.requireIdentical(expected, directory.file("out.raw"), format: "raw")
        }
    }

    /// libvirt has written the names of QEMU's drivers for files and devices.
    @Test(arguments: ["file", "host_device"])
    func aBackingFormatMayBeTheDriverOfAFile(format: String) async throws {
        let overlay = directory.file("overlay.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", overlay])
        try scribble(overlay, "qcow2", seed: 3)
        let expected = directory.file("expected.raw")
        try Tool.check("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", overlay, expected])
        try Tool.check("qemu-img", ["rebase", "-u", "-f", "qcow2", "-b", "disk.raw", "-F", format, overlay])
        let target = DiskImageTarget(path: directory.file("out.raw"))
        try await Converter(source: DiskImageSource(path: overlay), target: target).convert()
        try QEMU.requireIdentical(expected, directory.file("out.raw"), format: "raw")
    }

    @Test(arguments: ["qcow2", "raw", "vmdk"], [nil, "17M", "8M"])
    func qcow2OverlaysOverEveryFormat(format: String, otherSize: String?) async throws {
        let base = directory.file("base." + format)
        if format == "raw" {
            // A tail that is no whole sector; behind it there are zeros.
            let tail = [UInt8](repeating: 0x77, count: 100)
            try directory.write(DiskContent.mixed.bytes() + tail, to: "base.raw")
        } else {
            try QEMU.convert(raw, to: base, format: format)
        }
        let middle = directory.file("middle.qcow2")
        let top = directory.file("top.qcow2")
        // Relative names, one of them by a larger or smaller disk than its backing file.
        try Tool.check(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-b", "base." + format, "-F", format, middle]
                + (otherSize.map { [$0] } ?? []))
        try scribble(middle, "qcow2", seed: 3)
        try Tool.check(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "-b", "middle.qcow2", "-F", "qcow2", top])
        try scribble(top, "qcow2", seed: 11)
        try await requireRight(top, "qcow2")
    }

    /// Subclusters of every state, alone and over a backing file.
    @Test(arguments: ["16k", "64k", "2M"], [false, true])
    func extendedL2(clusterSize: String, hasBacking: Bool) async throws {
        let image = directory.file("extended.qcow2")
        let backing = hasBacking ? ["-b", "disk.raw", "-F", "raw"] : []
        try Tool.check(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-o", "extended_l2=on,cluster_size=\(clusterSize)"] + backing + [
                image, "9436672",
            ])
        var commands: [String] = []
        for index in 0..<50 {
            let offset = index * 150_016
            let length = 512 * (1 + index % 40)
            let command = index % 4 == 3 ? "write -z" : index % 9 == 0 ? "write -z -u" : "write -P \(index + 1)"
            commands += ["-c", "\(command) \(offset) \(length)"]
        }
        if clusterSize == "64k" { commands += ["-c", "write -c -P 77 8388608 65536"] }
        try Tool.check("qemu-io", ["-f", "qcow2"] + commands + [image])
        try await requireRight(image, "qcow2")
    }

    @Test(arguments: ["data_file_raw=off", "data_file_raw=on", "data_file_raw=off,extended_l2=on"])
    func externalDataFiles(options: String) async throws {
        let image = directory.file("external.qcow2")
        let data = directory.file("external.data")
        try Tool.check(
            "qemu-img",
            ["convert", "-f", "raw", "-O", "qcow2", "-o", "data_file=\(data),\(options)", raw, image])
        try await requireRight(image, "qcow2")
        try FileManager.default.removeItem(atPath: data)
        #expect(await failure(of: image)?.code == .inputUnreadable)
    }

    @Test func hintsOfOtherHostsAreFoundByTheirLastComponent() async throws {
        let parent = directory.file("base.vmdk")
        let child = directory.file("child.vmdk")
        for hint in ["/vmfs/volumes/4f1c-22/web01/base.vmdk", "C:\\Virtual Machines\\web01\\base.vmdk", "base.vmdk"] {
            try QEMU.convert(raw, to: parent, format: "vmdk")
            try? FileManager.default.removeItem(atPath: child)
            try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", "-b", parent, "-F", "vmdk", child])
            try scribble(child, "vmdk", seed: 5)
            let expected = directory.file("expected.raw")
            try Tool.check("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", child, expected])
            try replaceHint(in: child, by: hint)
            var converter = Converter(
                source: DiskImageSource(path: child), target: DiskImageTarget(path: directory.file("out.raw")))
            converter.target.existing = .replace
            try await converter.convert()
            try QEMU.requireIdentical(expected, directory.file("out.raw"), format: "raw")
        }
    }

    @Test func aChangedParentIsRefusedUnlessForced() async throws {
        let parent = directory.file("base.vmdk")
        let child = directory.file("child.vmdk")
        try QEMU.convert(raw, to: parent, format: "vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", "-b", parent, "-F", "vmdk", child])
        try scribble(parent, "vmdk", seed: 2)
        var converter = Converter(
            source: DiskImageSource(path: child), target: DiskImageTarget(path: directory.file("out.raw")))
        let error = await #expect(throws: ImageError.self) { try await converter.convert() }
        #expect(
            error?.code == .inputDamaged && "\(error.map(String.init(describing:)) ?? "")".contains("--force-parent"))
        converter.source.ignoresParentChanges = true
        try await converter.convert()
    }

    @Test func aMissingParentIsNamed() async throws {
        let parent = directory.file("base.vmdk")
        let child = directory.file("child.vmdk")
        try QEMU.convert(raw, to: parent, format: "vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", "-b", parent, "-F", "vmdk", child])
        try FileManager.default.removeItem(atPath: parent)
        let error = await failure(of: child)
        #expect(error?.code == .inputUnreadable && error?.message.contains("base.vmdk") == true)
    }

    @Test func anUndeclaredRawBackingFileIsRefused() async throws {
        let image = directory.file("overlay.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", raw, "-F", "raw", image, "1M"])
        try Tool.check("qemu-img", ["amend", "-f", "qcow2", "-o", "compat=1.1", image])
        // Remove the format extension: its type becomes one that nobody knows.
        var bytes = try contents(of: image)
        let type: [UInt8] = [0xE2, 0x79, 0x2A, 0xCA]
        let position = try #require(
            bytes[..<1024].indices.first { bytes[$0..<min($0 + 4, bytes.count)].elementsEqual(type) })
        bytes.replaceSubrange(position..<position + 4, with: [0x11, 0x22, 0x33, 0x44])
        try Tool.write(bytes, to: image)
        #expect(await failure(of: image)?.code == .inputUnsupported)
        var converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("out.raw")))
        converter.source.trustsRawBacking = true
        try await converter.convert()
        #expect(try contents(of: directory.file("out.raw")) == Array(DiskContent.mixed.bytes()[..<(1 << 20)]))
    }

    private func failure(of image: String) async -> ImageError? {
        let converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("out.raw")))
        do {
            try await converter.convert()
            return nil
        } catch {
            return error as? ImageError
        }
    }

    /// Replaces the hint in the embedded descriptor, which has room for a longer one.
    private func replaceHint(in image: String, by hint: String) throws {
        var bytes = try contents(of: image)
        let descriptor = bytes[512..<21 * 512].prefix { $0 != 0 }
        let lines = String(decoding: descriptor, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("parentFileNameHint") ? "parentFileNameHint=\"\(hint)\"" : String($0) }
        var text = Array(lines.joined(separator: "\n").utf8)
        text += [UInt8](repeating: 0, count: 20 * 512 - text.count)
        bytes.replaceSubrange(512..<21 * 512, with: text)
        try Tool.write(bytes, to: image)
    }
}
