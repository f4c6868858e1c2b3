import DiskImage
import Foundation
import GuestDisk
import TestSupport
import Testing

/// Partition tables as sfdisk makes and reads them.
@Suite struct PartitionTableTests {
    /// What `sfdisk --json` tells.
    private struct Oracle: Decodable {
        struct Table: Decodable {
            struct Partition: Decodable {
                var node: String
                var start: UInt64
                var size: UInt64
                var type: String
                var uuid: String?
                var name: String?
                var bootable: Bool?
            }

            var label: String
            var id: String
            var partitions: [Partition]?
        }

        var partitiontable: Table
    }

    private static let layouts = [
        "label: dos\nstart=2048, size=4096, type=83, bootable\nstart=8192, size=2048, type=82",
        "label: dos\ndisk1: size=4096, type=83\ndisk2: size=40000, type=5\ndisk5: size=2048, type=83\ndisk6: size=2048, type=8e\ndisk7: size=4096, type=82",
        "label: dos\ndisk1: size=4096, type=ef\ndisk4: size=20000, type=f\ndisk5: size=2048, type=7\ndisk6: size=100, type=c",
        "label: gpt\nsize=2048, type=U, name=\"EFI system\"\nsize=2048, type=21686148-6449-6E6F-744E-656564454649\nsize=9000, type=L, name=\"wurzel ü\"",
        "label: gpt\ntable-length: 12\nsize=2048, type=L\nstart=30000, size=1000, type=S",
    ]

    private func disk(_ layout: String, _ directory: TemporaryDirectory) throws -> (path: String, device: MemoryDevice)
    {
        let path = directory.file("disk")
        try Tool.check("truncate", ["-s", "\(32 << 20)", path])
        let script = try directory.write(Array(layout.utf8), to: "script")
        try Tool.check("sh", ["-c", "sfdisk -q \(path) < \(script)"])
        return (path, MemoryDevice(try contents(of: path)))
    }

    private func number(_ node: String) -> Int? {
        Int(String(node.reversed().prefix { $0.isNumber }.reversed()))
    }

    private func oracle(_ path: String) throws -> Oracle.Table {
        let json = try Tool.check("sfdisk", ["--json", path])
        return try JSONDecoder().decode(Oracle.self, from: Data(json.utf8)).partitiontable
    }

    private func expectSame(_ table: PartitionTable, _ oracle: Oracle.Table, sectorSize: UInt64 = 512) {
        #expect(table.scheme == (oracle.label == "gpt" ? .gpt : .mbr))
        #expect(table.identifier == oracle.id.lowercased().replacing("0x", with: ""))
        // What holds logical partitions is no place for anything else.
        let expected = (oracle.partitions ?? []).filter { !["5", "f", "85"].contains($0.type) }
        #expect(table.partitions.map(\.number) == expected.compactMap { number($0.node) })
        for (partition, other) in zip(table.partitions, expected) {
            #expect(partition.bytes == other.start * sectorSize..<(other.start + other.size) * sectorSize)
            #expect(partition.isActive == (other.bootable ?? false))
            #expect(partition.label == other.name ?? "")
            switch partition.purpose {
            case .mbr(let type): #expect(String(type, radix: 16) == other.type)
            case .gpt(let type):
                #expect(type.description == other.type.lowercased())
                #expect(partition.uuid == other.uuid?.lowercased())
            }
        }
    }

    @Test(arguments: layouts) func readsWhatSfdiskMakes(layout: String) throws {
        let directory = try TemporaryDirectory()
        let (path, device) = try disk(layout, directory)
        let table = try #require(try PartitionTable.read(from: device))
        #expect(table.warnings.isEmpty)
        expectSame(table, try oracle(path))
    }

    @Test func partitionUUIDsOfAnMBRAreThoseOfBlkid() throws {
        let directory = try TemporaryDirectory()
        let (path, device) = try disk(Self.layouts[1], directory)
        let table = try #require(try PartitionTable.read(from: device))
        for partition in table.partitions {
            // partx is of util-linux, as the kernel's and udev's names are.
            let told = try Tool.check("partx", ["-o", "UUID", "-g", "-n", "\(partition.number)", path])
            #expect(partition.uuid == told.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    @Test func aDamagedGPTIsReadFromItsBackup() throws {
        let directory = try TemporaryDirectory()
        let (path, device) = try disk(Self.layouts[3], directory)
        let sound = try oracle(path)
        // A byte of the header's checksum, and one of an entry.
        for offset in [512 + 16, 1024 + 32] {
            let damaged = MemoryDevice(device.bytes)
            damaged.bytes[offset] ^= 1
            let table = try #require(try PartitionTable.read(from: damaged))
            #expect(table.warnings.count == 1)
            expectSame(table, sound)
        }
        let lost = MemoryDevice(device.bytes)
        lost.bytes[512] = 0
        lost.bytes[lost.bytes.count - 512] = 0
        #expect(throws: GuestError.self) { try PartitionTable.read(from: lost) }
    }

    @Test(.enabled(if: Capabilities.canMount, "needs root and loop devices"))
    func readsTablesOfDisksWithLargeSectors() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("disk")
        try Tool.check("truncate", ["-s", "\(64 << 20)", path])
        let loop = try LoopDevice(path, sectorSize: 4096)
        let script = try directory.write(Array("label: gpt\nsize=1024, type=U\nsize=2048, type=L".utf8), to: "script")
        try Tool.check("sh", ["-c", "sfdisk -q --no-reread --no-tell-kernel \(loop.path) < \(script)"])
        let sound = try oracle(loop.path)
        let table = try #require(try PartitionTable.read(from: MemoryDevice(try contents(of: path))))
        #expect(table.sectorSize == 4096)
        expectSame(table, sound, sectorSize: 4096)
    }

    @Test func aDiskWithoutATableHasNone() throws {
        #expect(try PartitionTable.read(from: MemoryDevice([])) == nil)
        #expect(try PartitionTable.read(from: MemoryDevice([UInt8](repeating: 0, count: 1 << 20))) == nil)
        // The boot sector of a filesystem on the whole disk ends like a table's.
        let directory = try TemporaryDirectory()
        let path = directory.file("fat")
        try Tool.check("truncate", ["-s", "4M", path])
        try Tool.check("mkfs.vfat", [path])
        #expect(try PartitionTable.read(from: MemoryDevice(try contents(of: path))) == nil)
    }

    @Test func aChainOfLogicalPartitionsMayEndBadly() throws {
        let directory = try TemporaryDirectory()
        let (_, device) = try disk(Self.layouts[1], directory)
        let whole = try #require(try PartitionTable.read(from: device))
        let extended = try #require((0..<4).first { device.bytes[446 + $0 * 16 + 4] == 5 })
        let start = Array(device.bytes[446 + extended * 16 + 8..<446 + extended * 16 + 12])
        let record = Int(start.enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }) * 512

        // The second entry of the first record leads back to itself: what is relative to the start is 0.
        let looping = MemoryDevice(device.bytes)
        for index in 0..<4 { looping.bytes[record + 462 + 8 + index] = 0 }
        let looped = try #require(try PartitionTable.read(from: looping))
        #expect(looped.partitions.count == whole.partitions.count - 2)
        #expect(looped.warnings.count == 1)

        let broken = MemoryDevice(device.bytes)
        broken.bytes[record + 510] = 0
        let cut = try #require(try PartitionTable.read(from: broken))
        #expect(cut.partitions.count == whole.partitions.count - 3)
        #expect(cut.warnings.count == 1)
    }
}
