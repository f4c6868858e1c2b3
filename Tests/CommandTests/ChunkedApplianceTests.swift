import Foundation
import TestSupport
import Testing

/// Disks of an OVF that are compressed, cut into chunks, or both; beside it, in an OVA, and in an OVA from a pipe.
@Suite struct ChunkedApplianceTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    /// How the disk is stored.
    struct Storage: Sendable, CustomTestStringConvertible {
        var isVMDK: Bool
        var isCompressed: Bool
        var isDeclared = true
        var chunk: Int?
        var testDescription: String {
            "\(isVMDK ? "VMDK" : "raw")\(isCompressed ? " gzip" : "")\(isDeclared ? "" : " undeclared") \(chunk ?? 0)"
        }

        static let all: [Storage] = [true, false].flatMap { isVMDK in
            [
                Storage(isVMDK: isVMDK, isCompressed: true, isDeclared: isVMDK),
                Storage(isVMDK: isVMDK, isCompressed: false, chunk: 1_000_003),
                Storage(isVMDK: isVMDK, isCompressed: true, chunk: 65536),
            ]
        }
    }

    /// Writes the disk as `name`, or its chunks, and the OVF.
    /// - Returns: the names of the files that hold the disk.
    @discardableResult
    private func store(_ storage: Storage, name: String = "disk one") throws -> [String] {
        var image = directory.file("image")
        if storage.isVMDK {
            try QEMU.convert(raw, to: image, format: "vmdk", options: "subformat=streamOptimized")
        } else {
            try Tool.check("cp", [raw, image])
        }
        if storage.isCompressed {
            try Tool.check("gzip", ["-f", image])
            image += ".gz"
        }
        let size = try #require(fileSize(image))
        var attributes = "ovf:size=\"\(size)\""
        if storage.isCompressed, storage.isDeclared { attributes += " ovf:compression=\"gzip\"" }
        var files = [name]
        if let chunk = storage.chunk {
            attributes += " ovf:chunkSize=\"\(chunk)\""
            try Tool.check("split", ["-b", "\(chunk)", "-d", "-a", "9", image, directory.file(name + ".")])
            files = directory.names.filter { $0.hasPrefix(name + ".") }
            #expect(files.count == (size + chunk - 1) / chunk)
        } else {
            try Tool.check("mv", [image, directory.file(name)])
        }
        let href = name.replacing(" ", with: "%20")
        let text = OVF.text([.init(href, capacity: 9, fileAttributes: attributes)])
        try directory.write(Array(text.utf8), to: "vm.ovf")
        return files
    }

    /// Writes a manifest of `files`.
    private func pack(_ files: [String]) throws {
        var text = ""
        for name in ["vm.ovf"] + files {
            let sum = try Tool.check("sha256sum", [directory.file(name)])
            text += "SHA256(\(name))= \(sum.prefix { $0 != " " })\n"
        }
        try directory.write(Array(text.utf8), to: "vm.mf")
    }

    /// Converts the OVF, the OVA, and the OVA from a pipe.
    private func convertAll(
        _ files: [String], manifestFirst: Bool = true, options: [String] = []
    ) throws -> [(String, Tool.Result)] {
        let manifest = directory.names.contains("vm.mf") ? ["vm.mf"] : []
        let order = manifestFirst ? ["vm.ovf"] + manifest + files : ["vm.ovf"] + files + manifest
        let archive = directory.file("vm.ova")
        try Tool.check("tar", ["-c", "-f", archive, "-C", directory.path] + order)
        let out = directory.file("out.qcow2")
        let common = options + ["-q", "--force"]
        let words = ([Tool.converter] + common + ["-", out]).map { "'\($0)'" }.joined(separator: " ")
        var results: [(String, Tool.Result)] = []
        for (name, run) in [
            ("OVF", { try Tool.run(Tool.converter, common + [directory.file("vm.ovf"), out]) }),
            ("OVA", { try Tool.run(Tool.converter, common + [archive, out]) }),
            ("pipe", { try Tool.run("bash", ["-c", "set -o pipefail; cat '\(archive)' | \(words)"]) }),
        ] as [(String, () throws -> Tool.Result)] {
            try? FileManager.default.removeItem(atPath: out)
            let result = try run()
            if result.status == 0 { try QEMU.requireIdentical(raw, out, format: "qcow2") }
            #expect((result.status == 0) == directory.names.contains("out.qcow2"))
            results.append((name, result))
        }
        return results
    }

    @Test(arguments: zip(Storage.all, [true, false, true, false, true, false]))
    func isReadAndChecked(storage: Storage, manifestFirst: Bool) throws {
        let files = try store(storage)
        try pack(files)
        for (name, result) in try convertAll(files, manifestFirst: manifestFirst) {
            #expect(result.status == 0 && result.error.isEmpty, "\(name): \(result.error)")
        }
        // The digest of the last file is another one.
        let text = String(decoding: try contents(of: directory.file("vm.mf")), as: UTF8.self)
        try directory.write(Array((text.dropLast(65) + String(repeating: "0", count: 64) + "\n").utf8), to: "vm.mf")
        for (name, result) in try convertAll(files, manifestFirst: manifestFirst) {
            #expect(result.status == 12 && result.error.contains("SHA256"), "\(name): \(result.error)")
        }
        for (name, result) in try convertAll(files, manifestFirst: manifestFirst, options: ["--ignore-manifest"]) {
            #expect(result.status == 0 && result.error.contains("SHA256"), "\(name): \(result.error)")
        }
    }

    @Test func aChangedOVFInAPipeIsNoticed() throws {
        let files = try store(Storage(isVMDK: true, isCompressed: false))
        try pack(files)
        let text = String(decoding: try contents(of: directory.file("vm.ovf")), as: UTF8.self)
        try directory.write(Array(text.replacing("made for tests", with: "made otherwise").utf8), to: "vm.ovf")
        for (name, result) in try convertAll(files) {
            #expect(result.status == 12 && result.error.contains("vm.ovf"), "\(name): \(result.error)")
        }
    }

    @Test(arguments: Storage.all.filter { $0.chunk != nil }) func missingChunksAreNoticed(storage: Storage) throws {
        var files = try store(storage)
        for gone in [files.count - 1, files.count / 2, 1] where gone < files.count {
            try FileManager.default.removeItem(atPath: directory.file(files.remove(at: gone)))
            for (name, result) in try convertAll(files) {
                #expect([10, 12].contains(result.status), "\(name) without \(gone): \(result.status) \(result.error)")
            }
        }
    }

    @Test func joinedChunksAreOneFile() throws {
        let files = try store(Storage(isVMDK: true, isCompressed: false, chunk: 1 << 20))
        let joined = files.map { "'\(directory.file($0))'" }.joined(separator: " ")
        try Tool.check("sh", ["-c", "cat \(joined) > '\(directory.file("disk one"))' && rm \(joined)"])
        let result = try Tool.run(Tool.converter, ["-q", directory.file("vm.ovf"), directory.file("out.qcow2")])
        #expect(result.status == 0, "\(result.error)")
        try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
    }

    @Test func anArchiveOnAPipeMustBeginWithItsOVF() throws {
        let files = try store(Storage(isVMDK: true, isCompressed: false))
        let archive = directory.file("vm.ova")
        try Tool.check("tar", ["-c", "-f", archive, "-C", directory.path] + files + ["vm.ovf"])
        try Tool.check(Tool.converter, ["-q", archive, directory.file("file.qcow2")])
        let result = try Tool.run(
            "bash", ["-c", "cat '\(archive)' | '\(Tool.converter)' - '\(directory.file("out.qcow2"))'"])
        #expect(result.status == 13 && result.error.contains("save it to a file"))
    }

    @Test func oneOfSeveralDisksOnAPipe() throws {
        try directory.write([UInt8](repeating: 0x61, count: 1 << 20), to: "first.raw")
        let disks = [
            OVF.Disk("first.raw", capacity: 1), .init("disk.raw", capacity: 9), .init("gone.raw", capacity: 1),
        ]
        try directory.write(Array(OVF.text(disks).utf8), to: "vm.ovf")
        let archive = directory.file("vm.ova")
        try Tool.check("tar", ["-c", "-f", archive, "-C", directory.path, "vm.ovf", "first.raw", "disk.raw"])
        for (option, status) in [("", Int32(2)), ("--disk 2", 0), ("--disk 3", 10), ("--disk 4", 2)] {
            let out = directory.file("out.qcow2")
            let result = try Tool.run("bash", ["-c", "cat '\(archive)' | '\(Tool.converter)' \(option) - '\(out)'"])
            #expect(result.status == status, "\(option): \(result.error)")
            if status == 0 {
                try QEMU.requireIdentical(raw, out, format: "qcow2")
                try FileManager.default.removeItem(atPath: out)
            }
        }
    }
}
