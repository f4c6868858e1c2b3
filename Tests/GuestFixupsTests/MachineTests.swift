import ByteLayout
import Foundation
import GuestDisk
import TestSupport
import Testing

@testable import GuestFixups

/// What is on disks that have no guest to be fixed. The judge of what a disk is is blkid.
@Suite struct MachineTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A disk with one partition from 1 MiB to its end, ext4.
    private func disk() throws -> [UInt8] {
        let filesystem = directory.file("root.ext4")
        try Tool.check("mke2fs", ["-q", "-t", "ext4", filesystem, "7M"])
        let path = try directory.write([UInt8](repeating: 0, count: 1 << 20) + contents(of: filesystem), to: "disk")
        try Tool.check("sh", ["-c", "echo start=2048, type=83 | sfdisk -q --label dos \(path)"])
        return try contents(of: path)
    }

    /// What md keeps of a member of a mirror (md_p.h): of version 1, and 0.90.
    private func superblock(at sector: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1024)
        for (offset, value) in [(0, 0xA92B_4EFC), (4, 1), (72, 1), (92, 2)] as [(Int, UInt32)] {
            bytes.storeLittleEndian(value, at: offset)
        }
        for index in 16..<32 { bytes[index] = UInt8(index) }
        bytes.storeLittleEndian(UInt64(8192), at: 80)
        bytes.storeLittleEndian(UInt64(8192), at: 136)
        bytes.storeLittleEndian(sector, at: 144)
        // The sum of all words of the superblock and the roles of two devices, without this one; folded.
        bytes.storeLittleEndian(UInt32(2), at: 220)
        let words = stride(from: 0, to: 256 + 4, by: 4).map { UInt64(bytes.littleEndian(UInt32.self, at: $0)) }
        let sum = words.reduce(0, +)
        bytes.storeLittleEndian(UInt32(truncatingIfNeeded: sum & 0xFFFF_FFFF) &+ UInt32(sum >> 32), at: 216)
        return bytes
    }

    private var oldSuperblock: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        for (word, value) in [(0, 0xA92B_4EFC), (2, 90), (5, 7), (7, 1), (8, 4096), (9, 2)] as [(Int, UInt32)] {
            bytes.storeLittleEndian(value, at: word * 4)
        }
        return bytes
    }

    private func type(_ path: String) throws -> String {
        try Tool.run("blkid", ["-p", "-o", "value", "-s", "TYPE", path]).output.trimmingCharacters(in: .newlines)
    }

    /// What half of a mirror begins with, a partition table, is the mirror's, and must not be changed on one half.
    @Test(arguments: ["1.0", "1.1", "1.2", "0.90"]) func halvesOfMirrors(version: String) throws {
        var bytes = try disk()
        // The partition of a mirrored disk ends before what md has at the disk's end.
        bytes += [UInt8](repeating: 0, count: 1 << 20)
        let size = bytes.count
        let place =
            switch version {
            case "1.0": (size - 8192) & ~4095
            case "1.1": 0
            case "1.2": 4096
            default: (size & ~0xFFFF) - 0x10000
            }
        let block = version == "0.90" ? oldSuperblock : superblock(at: UInt64(place / 512))
        bytes.replaceSubrange(place..<place + block.count, with: block)
        let path = try directory.write(bytes, to: "member")
        try #require(type(path) == "linux_raid_member")
        let machine = try Machine([FileDevice(path)])
        #expect(machine.volumes.map(\.type) == ["linux_raid_member"])
        #expect(machine.disks.map(\.partitionTable) == [nil])
    }

    /// What a partition at the end of a disk is a member of is not what the disk is.
    @Test(arguments: ["1.0", "0.90"]) func membersThatArePartitions(version: String) throws {
        var bytes = try disk()
        let size = bytes.count - (1 << 20)
        let place = version == "1.0" ? (size - 8192) & ~4095 : (size & ~0xFFFF) - 0x10000
        let block = version == "0.90" ? oldSuperblock : superblock(at: UInt64(place / 512))
        bytes.replaceSubrange((1 << 20) + place..<(1 << 20) + place + block.count, with: block)
        let path = try directory.write(bytes, to: "disk")
        let partition = try directory.write(Array(bytes[(1 << 20)...]), to: "partition")
        try #require(type(partition) == "linux_raid_member")
        let machine = try Machine([FileDevice(path)])
        #expect(machine.volumes.map(\.name) == ["disk 1, partition 1"])
        #expect(machine.volumes.map(\.type) == ["linux_raid_member"])
    }

    /// What can't be read is not unknown, wherever it is that the disk is looked at.
    @Test func unreadableSectorsAreErrors() throws {
        let device = MemoryDevice(try disk())
        let start = UInt64(1 << 20)
        let looked: [UInt64] =
            [0, 4096, device.size - 8192, device.size - 65536]
            + [0, 1080, 4096, 32769, 65588, 128 << 10, 1 << 20].map { start + $0 }
        for place in looked {
            device.unreadable = place..<place + 1
            #expect(throws: MemoryDevice.error, "\(place)") { try Machine([device]) }
        }
        device.unreadable = nil
        #expect(try Machine([device]).volumes.map(\.type) == ["ext4"])
    }

    /// A disk that ends before a place where something could be has nothing there.
    @Test func smallDisksAreUnknown() throws {
        for size in [0, 1, 512, 4095, 4096, 65536, (128 << 10) - 1, 128 << 10] {
            #expect(try Machine([MemoryDevice([UInt8](repeating: 0, count: size))]).volumes.map(\.type) == [nil])
        }
    }
}
