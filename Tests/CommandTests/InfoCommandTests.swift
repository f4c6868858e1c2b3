import Foundation
import TestSupport
import Testing

/// `info` says what `qemu-img info` says, under the same names.
@Suite struct InfoCommandTests {
    @Test(arguments: [
        ("qcow2", ""), ("qcow2", "compat=0.10"), ("qcow2", "cluster_size=4k,refcount_bits=8"),
        ("qcow2", "compression_type=zstd"), ("qcow2", "lazy_refcounts=on,extended_l2=on"), ("vmdk", ""),
        ("vmdk", "subformat=streamOptimized"), ("vmdk", "subformat=monolithicFlat"), ("vdi", ""),
        ("vpc", "force_size=on"), ("vpc", "force_size=on,subformat=fixed"), ("vhdx", ""), ("raw", ""),
    ])
    func agreesWithQemuImg(format: String, options: String) throws {
        let directory = try TemporaryDirectory()
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        let image = directory.file("image." + format)
        try QEMU.convert(raw, to: image, format: format, options: options)
        let theirs = try object(try Tool.check("qemu-img", ["info", "-f", format, "--output=json", image]))
        let ours = try object(try Tool.check(Tool.converter, ["info", "--output", "json", image]))
        for (key, value) in theirs where key != "format-specific" {
            #expect("\(try #require(ours[key]))" == "\(value)", "\(key)")
        }
        let theirDetails = data(theirs)
        let ourDetails = data(ours)
        for (key, value) in theirDetails where key != "extents" && !(key == "compression-type" && format == "raw") {
            #expect(ourDetails[key].map { "\($0)" } == "\(value)", "\(key)")
        }
        #expect(keys(theirs).subtracting(keys(ours)).isEmpty)
        try requireSameText(["info", "-f", format, image])
    }

    @Test func describesWholeChains() throws {
        let directory = try TemporaryDirectory()
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "base.raw")
        try QEMU.convert(raw, to: directory.file("base.vmdk"), format: "vmdk")
        try Tool.check("mkdir", [directory.file("overlays")])
        let paths = ["middle.qcow2", "overlays/top.qcow2"].map(directory.file)
        for (path, backing, format) in [
            (paths[0], "base.vmdk", "vmdk"), (paths[1], "../middle.qcow2", "qcow2"),
        ] {
            try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", backing, "-F", format, path])
        }
        try requireSameText(["info", "--backing-chain", "--allow-outside-files", paths[1]])
        try requireSameText(["info", "--backing-chain", paths[0]])
        let options = ["info", "--backing-chain", "--output=json"]
        let theirs = try array(try Tool.check("qemu-img", options + [paths[1]]))
        let ours = try array(try Tool.check(Tool.converter, options + ["--allow-outside-files", paths[1]]))
        #expect(theirs.count == 3 && ours.count == 3)
        for (their, our) in zip(theirs, ours) {
            #expect(keys(their).subtracting(keys(our)).isEmpty)
            for key in ["filename", "backing-filename", "full-backing-filename", "backing-filename-format", "format"] {
                #expect((our[key] as? String)?.plainPaths == (their[key] as? String)?.plainPaths, "\(key)")
            }
        }
        // Without leave, nothing outside the image's directory is looked at.
        #expect(try Tool.run(Tool.converter, options + [paths[1]]).status == 13)
        // The usual output does not need the rest of the chain; this one does.
        unlink(directory.file("base.vmdk"))
        #expect(try Tool.run(Tool.converter, ["info", paths[0]]).status == 0)
        #expect(try Tool.run(Tool.converter, options + [paths[0]]).status == 10)
    }

    /// Everything that qemu-img prints for people is in our text too, line by line.
    private func requireSameText(_ arguments: [String]) throws {
        let theirs = try Tool.check("qemu-img", arguments.filter { $0 != "--allow-outside-files" })
        let ours = try Tool.check(Tool.converter, arguments)
        let lines = Set(ours.plainPaths.split(separator: "\n"))
        // It doesn't know the kind of a sparse extent.
        for line in theirs.plainPaths.split(separator: "\n") where line != "            format: " {
            #expect(lines.contains(line), "\(arguments): \(line)\n\(ours)")
        }
    }

    /// The keys of all objects inside `value`, with the path that leads to them.
    private func keys(_ value: Any, prefix: String = "") -> Set<String> {
        if let object = value as? [String: Any] {
            return object.reduce(into: []) { $0.formUnion(keys($1.value, prefix: prefix + "." + $1.key)) }
        }
        if let list = value as? [Any] { return list.reduce(into: []) { $0.formUnion(keys($1, prefix: prefix + "[]")) } }
        return [prefix]
    }

    private func array(_ json: String) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
    }

    @Test func listsSnapshotsAndBitmaps() throws {
        let directory = try TemporaryDirectory()
        let image = directory.file("image.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "64M"])
        for name in ["before the update", "Größe", "1"] { try Tool.check("qemu-img", ["snapshot", "-c", name, image]) }
        for options in [["-g", "512", "small"], ["-g", "2G", "large"], ["--disable", "disabled"]] {
            let (flags, name) = (Array(options.dropLast()), options[options.count - 1])
            try Tool.check("qemu-img", ["bitmap", "--add"] + flags + [image, name])
        }
        let theirs = try object(try Tool.check("qemu-img", ["info", "--output=json", image]))
        let ours = try object(try Tool.check(Tool.converter, ["info", "--output", "json", image]))
        #expect(try canonical(ours["snapshots"]) == canonical(theirs["snapshots"]))
        #expect(try canonical(data(ours)["bitmaps"]) == canonical(data(theirs)["bitmaps"]))
        try requireSameText(["info", image])
        let list = try Tool.check("qemu-img", ["snapshot", "-l", image])
        #expect(try Tool.check(Tool.converter, ["snapshot", "-l", image]) == list)
        let plain = directory.file("plain.vdi")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vdi", plain, "1M"])
        #expect(try Tool.check(Tool.converter, ["snapshot", "-l", plain]).isEmpty)
    }

    @Test(arguments: ["aes", "luks"])
    func tellsThatAnImageIsEncrypted(method: String) throws {
        let directory = try TemporaryDirectory()
        let image = directory.file("image.qcow2")
        try QEMU.encrypt(
            "create", ["-q", "-f", "qcow2", image, "1M"], secret: "data=abc", options: "encrypt.format=\(method)")
        let ours = try object(try Tool.check(Tool.converter, ["info", "--output", "json", image]))
        #expect(ours["encrypted"] as? Bool == true)
        #expect((data(ours)["encrypt"] as? [String: Any])?["format"] as? String == method)
        let result = try Tool.run(Tool.converter, [image, directory.file("out.raw")])
        #expect(result.status == 13 && result.error.contains(method == "luks" ? "--passphrase-file" : "decrypt"))
    }

    @Test func describesAnImageThatNeedsABackingFile() throws {
        let directory = try TemporaryDirectory()
        let base = try directory.write([UInt8](repeating: 1, count: 65536), to: "base.raw")
        let overlay = directory.file("overlay.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", overlay])
        let ours = try object(try Tool.check(Tool.converter, ["info", "--output", "json", overlay]))
        #expect(ours["backing-filename"] as? String == base)
        #expect(ours["backing-filename-format"] as? String == "raw")
        // Converting it without the backing file would be silently wrong.
        try FileManager.default.removeItem(atPath: base)
        let result = try Tool.run(Tool.converter, [overlay, directory.file("out.raw")])
        #expect(result.status == 10 && result.error.contains("base.raw"))
    }

    private func object(_ json: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }

    /// A JSON value as text, its keys in order.
    private func canonical(_ value: Any?) throws -> String {
        let data = try JSONSerialization.data(withJSONObject: try #require(value), options: .sortedKeys)
        return String(decoding: data, as: UTF8.self)
    }

    private func data(_ object: [String: Any]) -> [String: Any] {
        ((object["format-specific"] as? [String: Any])?["data"] as? [String: Any]) ?? [:]
    }
}
