import ByteLayout
import DiskImage

/// The first sector of a disk, or of a logical partition's place.
/// ```
///   0          440         446       462       478       494       510
///   │ boot code │ signature │ entry 1 │ entry 2 │ entry 3 │ entry 4 │ 55 AA
/// ```
struct MasterBootRecord {
    static let length: UInt64 = 512
    /// Sectors that an MBR counts in: nobody makes others.
    private static let sectorSize: UInt64 = 512
    /// More logical partitions than Linux takes.
    private static let maximumLogical = 256

    struct Entry {
        var isActive: Bool
        var type: UInt8
        /// In sectors; from what depends on where the entry is.
        var start: UInt64
        var count: UInt64

        /// DOS, Windows and Linux each have a type for a partition that holds logical ones.
        var isExtended: Bool { [0x05, 0x0F, 0x85].contains(type) }
        var isEmpty: Bool { type == 0 || count == 0 }
    }

    let signature: UInt32
    let entries: [Entry]

    /// Nil if there is no record at `offset`: the signature is missing, or it is the boot sector of a filesystem on the whole
    /// disk, which has the same one.
    init?(_ disk: any BlockDevice, at offset: UInt64) throws(GuestError) {
        let bytes = try disk.read(at: offset, count: Int(Self.length))
        guard bytes.bigEndian(UInt16.self, at: 510) == 0x55AA else { return nil }
        signature = bytes.littleEndian(UInt32.self, at: 440)
        let stored = (0..<4).map { Array(bytes[446 + $0 * 16..<462 + $0 * 16]) }
        // Of an entry the first byte is 0 or 80h; of a FAT's boot code it can be anything.
        guard stored.allSatisfy({ $0[0] & 0x7F == 0 }) else { return nil }
        entries = stored.map {
            Entry(
                isActive: $0[0] == 0x80, type: $0[4], start: UInt64($0.littleEndian(UInt32.self, at: 8)),
                count: UInt64($0.littleEndian(UInt32.self, at: 12)))
        }
    }

    /// Whether it only guards a GPT (UEFI specification, 5.2.3). Disks that also boot by BIOS have other entries beside.
    var isProtective: Bool { entries.contains { $0.type == 0xEE } }

    func table(of disk: any BlockDevice) throws(GuestError) -> PartitionTable? {
        let identifier = signature.hexadecimalDigits
        var table = PartitionTable(
            scheme: .mbr, sectorSize: Self.sectorSize, identifier: identifier, partitions: [])
        for (index, entry) in entries.enumerated() where !entry.isEmpty {
            if entry.isExtended {
                try addLogical(entry, of: disk, to: &table)
            } else {
                add(entry, from: 0, number: index + 1, of: disk, to: &table)
            }
        }
        table.partitions.sort { $0.number < $1.number }
        // The boot sector of a filesystem on the whole disk may have zeros there.
        return table.partitions.isEmpty ? nil : table
    }

    /// Follows the records before each logical partition: the first entry is the partition, counted from its record; the
    /// second the next record, counted from the start of the extended partition.
    private func addLogical(
        _ extended: Entry, of disk: any BlockDevice, to table: inout PartitionTable
    ) throws(GuestError) {
        var next = extended.start
        var seen: Set<UInt64> = []
        var number = 5
        while seen.insert(next).inserted, seen.count <= Self.maximumLogical {
            guard next * Self.sectorSize <= disk.size - Self.length,
                let record = try MasterBootRecord(disk, at: next * Self.sectorSize)
            else {
                table.warnings.append("the chain of logical partitions is broken at sector \(next)")
                return
            }
            if let entry = record.entries.prefix(2).first(where: { !$0.isEmpty && !$0.isExtended }) {
                add(entry, from: next, number: number, of: disk, to: &table)
                number += 1
            }
            guard let link = record.entries.prefix(2).first(where: { !$0.isEmpty && $0.isExtended }) else { return }
            next = extended.start + link.start
        }
        table.warnings.append("the chain of logical partitions leads back to sector \(next)")
    }

    private func add(
        _ entry: Entry, from origin: UInt64, number: Int, of disk: any BlockDevice, to table: inout PartitionTable
    ) {
        let start = (origin + entry.start) * Self.sectorSize
        let end = start + entry.count * Self.sectorSize
        guard end <= disk.size else {
            table.warnings.append("partition \(number) ends at byte \(end), behind the end of the disk")
            return
        }
        let digits = number.description
        table.partitions.append(
            Partition(
                number: number, bytes: start..<end, purpose: .mbr(entry.type),
                uuid: "\(table.identifier)-\(digits.count < 2 ? "0" + digits : digits)", isActive: entry.isActive))
    }
}
