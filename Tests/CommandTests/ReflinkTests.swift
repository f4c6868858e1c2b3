import Foundation
import TestSupport
import Testing

/// Outputs that share the blocks of their sources, on filesystems that can.
@Suite(.enabled(if: Capabilities.canMount, "needs root and loop devices"), .serialized) struct ReflinkTests {
    static let filesystems = ["xfs", "btrfs"].filter { Capabilities.has("mkfs." + $0) }

    static let sources: [(name: String, options: [String])] = [
        ("disk.raw", ["-O", "raw"]),
        ("flat.vmdk", ["-O", "vmdk", "-o", "subformat=monolithicFlat"]),
        ("disk.qcow2", ["-O", "qcow2"]),
    ]

    /// QEMU looks for a data file in the current directory, so it has a full name.
    static let dataFile = "DATA"

    static let targets: [(name: String, options: [String])] = [
        ("out.raw", ["-O", "raw"]),
        ("out.qcow2", ["-O", "qcow2"]),
        ("out.qcow2", ["-O", "qcow2", "-o", "cluster_size=4k"]),
        ("out.qcow2", ["-O", "qcow2", "-o", "extended_l2=on,cluster_size=128k"]),
        ("out.qcow2", ["-O", "qcow2", "-o", "data_file=\(dataFile),data_file_raw=on"]),
    ]

    /// Bytes of data, holes between them, and a disk that does not end with a block.
    private static let size = (64 << 20) + 512

    private func content(_ directory: TemporaryDirectory) throws -> String {
        let raw = directory.file("content")
        try Tool.check("truncate", ["-s", "\(Self.size)", raw])
        let bytes = DiskContent.text(size: 4 << 20).bytes()
        for offset in [0, (10 << 20) + 4096, (30 << 20) + 65536, Self.size - (4 << 20)] {
            try overwrite(raw, at: offset, with: bytes)
        }
        return raw
    }

    private func overwrite(_ path: String, at offset: Int, with bytes: [UInt8]) throws {
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        defer { try? handle.close() }
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data(bytes))
    }

    private func shared(_ json: String) throws -> Int {
        let report = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        return try #require(report["bytes-shared"] as? Int)
    }

    private func freeBytes(_ path: String) throws -> Int {
        try Tool.check("sync", ["-f", path])
        let text = try Tool.check("stat", ["-f", "-c", "%f %S", path])
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        return numbers[0] * numbers[1]
    }

    @Test(arguments: filesystems) func sharesWhatIsPlain(filesystem: String) throws {
        let directory = try TemporaryDirectory()
        let mount = try LoopMount(filesystem: filesystem, size: 512 << 20)
        let raw = try content(directory)
        for source in Self.sources {
            let input = mount.path + "/" + source.name
            try Tool.check("qemu-img", ["convert", "-f", "raw"] + source.options + [raw, input])
            for target in Self.targets {
                let output = mount.path + "/" + target.name
                let options = target.options.map {
                    $0.replacingOccurrences(of: Self.dataFile, with: mount.path + "/out.data")
                }
                let before = try freeBytes(mount.path)
                let report = try Tool.check(
                    Tool.converter, ["--json", "--reflink", "always", "--force"] + options + [input, output])
                #expect(try shared(report) >= 15 << 20, "\(source.name) to \(target)")
                #expect(try before - freeBytes(mount.path) < 2 << 20, "\(source.name) to \(target)")
                let dataFile = mount.path + "/out.data"
                let stored = FileManager.default.fileExists(atPath: dataFile) ? dataFile : output
                #expect(try Tool.check("filefrag", ["-v", stored]).contains("shared"))
                let format = String(target.options[1])
                try QEMU.requireIdentical(raw, output, format: format)
                if format == "qcow2" { try QEMU.requireClean(output) }
                // What is written to the one does not change the other.
                try Tool.check("qemu-io", ["-f", format, "-c", "write -P 77 10M 1M", output])
                try QEMU.requireIdentical(raw, input, format: String(source.options[1]))
                for file in [output, dataFile] { try? FileManager.default.removeItem(atPath: file) }
            }
        }
    }

    /// The same output, byte for byte, whatever the workers do.
    @Test(arguments: filesystems) func isReproducible(filesystem: String) throws {
        let directory = try TemporaryDirectory()
        let mount = try LoopMount(filesystem: filesystem, size: 512 << 20)
        let input = mount.path + "/disk.raw"
        try Tool.check("cp", ["--sparse=always", try content(directory), input])
        for (index, options) in [["-m", "1"], ["-m", "8"], ["--io", "sync"]].enumerated() {
            try Tool.check(Tool.converter, ["-q"] + options + [input, "\(mount.path)/\(index).qcow2"])
            if index > 0 { try Tool.check("cmp", ["\(mount.path)/0.qcow2", "\(mount.path)/\(index).qcow2"]) }
        }
    }

    @Test(arguments: filesystems) func copiesWhatCannotBeShared(filesystem: String) throws {
        let directory = try TemporaryDirectory()
        let mount = try LoopMount(filesystem: filesystem, size: 512 << 20)
        let raw = try content(directory)
        let inside = mount.path + "/disk.raw"
        try Tool.check("cp", ["--sparse=always", raw, inside])
        let stream = mount.path + "/stream.vmdk"
        try QEMU.convert(raw, to: stream, format: "vmdk", options: "subformat=streamOptimized")
        let output = mount.path + "/out.qcow2"
        let cases: [[String]] = [
            // Another filesystem; compressed; clusters smaller than blocks; zeros to be written; allocated in advance.
            [raw], [stream], ["-c", inside], ["-o", "cluster_size=512", inside], ["-S", "0", inside],
            ["-o", "preallocation=falloc", inside],
        ]
        for arguments in cases {
            let refused = try Tool.run(Tool.converter, ["-q", "--reflink", "always"] + arguments + [output])
            #expect([2, 21].contains(refused.status), "\(arguments): \(refused.error)")
            #expect(!FileManager.default.fileExists(atPath: output))
            #expect(!FileManager.default.fileExists(atPath: output + ".partial"))
            let report = try Tool.check(Tool.converter, ["--json", "--force"] + arguments + [output])
            #expect(try shared(report) == 0)
            try QEMU.requireIdentical(raw, output, format: "qcow2")
            try FileManager.default.removeItem(atPath: output)
        }
        for options in [["--reflink", "never"], ["-S", "4k"]] {
            #expect(try shared(Tool.check(Tool.converter, ["--json", "--force"] + options + [inside, output])) == 0)
        }
    }
}
