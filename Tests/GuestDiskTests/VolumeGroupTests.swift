import Foundation
import GuestDisk
import TestSupport
import Testing

/// Volume groups that LVM itself makes; it needs no device mapper to write its metadata.
@Suite(
    .enabled(if: Capabilities.canMount && Capabilities.has("lvm"), "needs root, loop devices and LVM"), .serialized)
struct VolumeGroupTests {
    private static let extentSize = 1 << 20

    /// Two disks in a group: volumes that are linear, in pieces on both disks, and striped.
    private struct Group {
        let directory: TemporaryDirectory
        let disks: [LoopDevice]

        init() throws {
            directory = try TemporaryDirectory()
            var disks: [LoopDevice] = []
            for number in 0..<2 {
                let path = directory.file("disk\(number)")
                try Tool.check("truncate", ["-s", "24M", path])
                disks.append(try LoopDevice(path))
            }
            self.disks = disks
            try lvm(["vgcreate", "-q", "-s", "1M", "my-group"] + disks.map(\.path))
            try lvm(["lvcreate", "-an", "-Zn", "-Wn", "-l", "5", "-n", "first", "my-group", disks[0].path])
            try lvm(["lvcreate", "-an", "-Zn", "-Wn", "-l", "4", "-i", "2", "-I", "64k", "-n", "striped", "my-group"])
            try lvm(["lvcreate", "-an", "-Zn", "-Wn", "-l", "3", "-n", "other-one", "my-group", disks[1].path])
            try lvm(["lvextend", "-q", "-l", "+6", "my-group/first", disks[1].path, disks[0].path])
            try lvm(["lvcreate", "-an", "-Zn", "-Wn", "-l", "2", "--type", "zero", "-n", "nothing", "my-group"])
        }

        @discardableResult
        func lvm(_ arguments: [String]) throws -> String {
            try Tool.check(
                "lvm", arguments + ["--devices", disks.map(\.path).joined(separator: ","), "--driverloaded", "n"])
        }

        func images() throws -> [MemoryDevice] {
            try (0..<2).map { MemoryDevice(try contents(of: directory.file("disk\($0)"))) }
        }
    }

    /// Where the extents of `name` are, in its order, as LVM says: the number of the disk, and bytes.
    private func places(_ group: Group, _ name: String) throws -> [[(disk: Int, offset: Int)]] {
        let text = try group.lvm(["lvs", "--noheadings", "-o", "seg_pe_ranges", "--segments", "my-group/\(name)"])
        let starts = try group.disks.map { disk in
            let start = try group.lvm([
                "pvs", "--noheadings", "--nosuffix", "--units", "b", "-o", "pe_start", disk.path,
            ])
            return try #require(Int(start.trimmingCharacters(in: .whitespacesAndNewlines)))
        }
        return try text.split(separator: "\n").map { line in
            try line.split(separator: " ").flatMap { range in
                let parts = range.split(whereSeparator: { ":-".contains($0) })
                let disk = try #require(group.disks.firstIndex { $0.path == parts[0] })
                let (first, last) = (try #require(Int(parts[1])), try #require(Int(parts[2])))
                return (first...last).map { (disk, starts[disk] + $0 * Self.extentSize) }
            }
        }
    }

    @Test func readsVolumesAsLVMPlacesThem() throws {
        let group = try Group()
        var devices = try group.images()
        // Every KiB says where it is.
        for (number, device) in devices.enumerated() {
            for block in (1 << 20) / 1024..<device.bytes.count / 1024 {
                let mark = Array("disk \(number) block \(block)\n".utf8)
                device.bytes.replaceSubrange(block * 1024..<block * 1024 + mark.count, with: mark)
            }
        }
        devices.reverse()
        let physical = try devices.compactMap { try PhysicalVolume($0) }
        #expect(physical.count == 2)
        let found = try #require(VolumeGroup.assemble(physical).groups.first)
        devices.reverse()
        #expect(found.name == "my-group")
        #expect(found.missing.isEmpty)
        #expect(found.volumes.map(\.name) == ["first", "striped", "other-one", "nothing"])
        #expect(found.volumes.map(\.mapperPath)[2] == "/dev/mapper/my--group-other--one")
        let uuid = try group.lvm(["lvs", "--noheadings", "-o", "lv_uuid", "my-group/first"])
        #expect(found.volumes[0].uuid == uuid.filter { $0.isLetter || $0.isNumber })

        for volume in found.volumes.dropLast() {
            let segments = try places(group, volume.name)
            var expected: [UInt8] = []
            for segment in segments {
                guard volume.name == "striped" else {
                    for place in segment {
                        expected += devices[place.disk].bytes[place.offset..<place.offset + Self.extentSize]
                    }
                    continue
                }
                // The ranges of the stripes follow each other; of each the volume has 64 KiB in turns.
                let stripes = [Array(segment.prefix(segment.count / 2)), Array(segment.suffix(segment.count / 2))]
                for row in 0..<segment.count / 2 * Self.extentSize / 65536 {
                    for stripe in stripes {
                        let start = stripe[0].offset + row * 65536
                        expected += devices[stripe[0].disk].bytes[start..<start + 65536]
                    }
                }
            }
            let device = try volume.device()
            #expect(device.size == UInt64(expected.count))
            #expect(try device.read(at: 0, count: expected.count) == expected)
            // At any place, and over the borders of stripes.
            let position = 65536 - 700
            #expect(try device.read(at: UInt64(position), count: 70000) == Array(expected[position..<position + 70000]))
            try device.write([1, 2, 3, 4], at: 65534)
            expected.replaceSubrange(65534..<65538, with: [1, 2, 3, 4])
            #expect(try device.read(at: 0, count: expected.count) == expected)
        }
        // Of a kind that isn't read.
        #expect(throws: GuestError.self) { try found.volumes[3].device() }
    }

    @Test func aVolumeOnADiskThatIsNotThereIsNamed() throws {
        let group = try Group()
        let physical = try #require(try PhysicalVolume(try group.images()[0]))
        let found = try #require(VolumeGroup.assemble([physical]).groups.first)
        #expect(found.missing.count == 1)
        let error = #expect(throws: GuestError.self) { try found.volumes[1].device() }
        #expect(error?.message.contains("my-group/striped") == true)
    }

    @Test func damagedMetadataIsAnError() throws {
        let group = try Group()
        let image = try group.images()[0]
        for offset in [512 + 40, 4096 + 8, 4096 + 40] {
            let damaged = MemoryDevice(image.bytes)
            damaged.bytes[offset] ^= 0x40
            #expect(throws: GuestError.self) { try PhysicalVolume(damaged) }
        }
        #expect(try PhysicalVolume(MemoryDevice([UInt8](repeating: 0, count: 1 << 20))) == nil)
    }
}
