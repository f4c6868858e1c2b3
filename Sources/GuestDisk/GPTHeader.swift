import ByteLayout
import DiskImage

/// The header of a GUID partition table (UEFI specification 2.10, 5.3), which is in the second sector and, with its own copy
/// of the entries, in the last.
struct GPTHeader {
    private static let magic = Array("EFI PART".utf8)
    /// Bytes of a header that the specification knows.
    private static let length = 92
    /// A table this large would be 16 times the usual one.
    private static let maximumEntriesLength = 256 << 10

    private let identifier: GUID
    /// In sectors.
    private let entriesStart: UInt64
    private let entryCount: Int
    private let entryLength: Int
    private let entriesChecksum: UInt32

    /// The table, by its header or else by the backup at the end of the disk; nil if neither is sound.
    static func readTable(_ disk: any BlockDevice, sectorSize: UInt64) throws(GuestError) -> PartitionTable? {
        let last = disk.size / sectorSize
        guard last > 2 else { return nil }
        for (sector, isBackup) in [(1, false), (last - 1, true)] {
            guard let header = try GPTHeader(disk, at: sector, sectorSize: sectorSize),
                let entries = try header.readEntries(disk, sectorSize: sectorSize)
            else { continue }
            var table = PartitionTable(
                scheme: .gpt, sectorSize: sectorSize, identifier: header.identifier.description, partitions: [])
            if isBackup { table.warnings.append("the GPT is damaged; its backup at the end of the disk is used") }
            for number in 1...header.entryCount {
                let start = (number - 1) * header.entryLength
                header.add(Array(entries[start..<start + header.entryLength]), number: number, of: disk, to: &table)
            }
            return table
        }
        return nil
    }

    /// Nil if there is no sound header in the sector.
    private init?(_ disk: any BlockDevice, at sector: UInt64, sectorSize: UInt64) throws(GuestError) {
        let bytes = try disk.read(at: sector * sectorSize, count: Int(sectorSize))
        let headerLength = Int(bytes.littleEndian(UInt32.self, at: 12))
        guard bytes.starts(with: Self.magic), (Self.length...bytes.count).contains(headerLength) else { return nil }
        var checked = Array(bytes[..<headerLength])
        checked.storeLittleEndian(UInt32(0), at: 16)
        let count = bytes.littleEndian(UInt32.self, at: 80)
        let entryLength = bytes.littleEndian(UInt32.self, at: 84)
        guard CRC32.of(checked) == bytes.littleEndian(UInt32.self, at: 16),
            bytes.littleEndian(UInt64.self, at: 24) == sector,
            entryLength >= 128, entryLength % 8 == 0, count > 0,
            UInt64(count) * UInt64(entryLength) <= UInt64(Self.maximumEntriesLength)
        else { return nil }
        identifier = GUID(bytes[56..<72])
        entriesStart = bytes.littleEndian(UInt64.self, at: 72)
        entryCount = Int(count)
        self.entryLength = Int(entryLength)
        entriesChecksum = bytes.littleEndian(UInt32.self, at: 88)
    }

    /// Nil if they are not what the header's checksum says.
    private func readEntries(_ disk: any BlockDevice, sectorSize: UInt64) throws(GuestError) -> [UInt8]? {
        let length = entryCount * entryLength
        guard entriesStart < disk.size / sectorSize, UInt64(length) <= disk.size - entriesStart * sectorSize else {
            return nil
        }
        let entries = try disk.read(at: entriesStart * sectorSize, count: length)
        return CRC32.of(entries) == entriesChecksum ? entries : nil
    }

    private func add(_ entry: [UInt8], number: Int, of disk: any BlockDevice, to table: inout PartitionTable) {
        let type = GUID(entry[0..<16])
        guard type != .zero else { return }
        let first = entry.littleEndian(UInt64.self, at: 32)
        let last = entry.littleEndian(UInt64.self, at: 40)
        guard first <= last, last < disk.size / table.sectorSize else {
            table.warnings.append("partition \(number) ends in sector \(last), behind the end of the disk")
            return
        }
        let name = (0..<36).map { entry.littleEndian(UInt16.self, at: 56 + $0 * 2) }.prefix { $0 != 0 }
        table.partitions.append(
            Partition(
                number: number, bytes: first * table.sectorSize..<(last + 1) * table.sectorSize, purpose: .gpt(type),
                uuid: GUID(entry[16..<32]).description, label: String(decoding: name, as: UTF16.self)))
    }
}
