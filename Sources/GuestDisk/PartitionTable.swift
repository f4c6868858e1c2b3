/// How a disk is divided.
package struct PartitionTable: Equatable, Sendable {
    package enum Scheme: String, Sendable {
        /// The master boot record of PCs, with logical partitions.
        case mbr
        case gpt
    }

    package var scheme: Scheme
    /// Bytes of the sectors that the table counts in: 512, or 4096 where the disk was made on a device with such sectors.
    package var sectorSize: UInt64
    /// The disk's signature or GUID.
    package var identifier: String
    /// In the order of their numbers.
    package var partitions: [Partition]
    /// What is wrong with the table though it can be used.
    package var warnings: [String] = []

    /// The table of `disk`; nil if it has none: then a filesystem or volume may take the whole disk.
    /// - Throws: `damaged` if there is one that can't be used; `disk`.
    package static func read(from disk: any BlockDevice) throws(GuestError) -> PartitionTable? {
        guard disk.size >= MasterBootRecord.length else { return nil }
        guard let record = try MasterBootRecord(disk, at: 0) else {
            // A GPT needs no protective MBR to be found by Linux with `gpt`, but then nothing says that it is in use.
            return nil
        }
        if record.isProtective {
            for sectorSize in [UInt64(512), 4096] {
                if let table = try GPTHeader.readTable(disk, sectorSize: sectorSize) { return table }
            }
            throw GuestError(.damaged, "the disk should have a GPT, but neither the header nor its backup is sound")
        }
        return try record.table(of: disk)
    }
}
