import ByteLayout
import DiskImage

/// Lays out one sparse extent that is written:
/// ```
///  header │ descriptor │ redundant directory, its tables │ directory, its tables │ grains in the order of the disk …
/// ```
/// Both directories point to all their tables, as VMware's do; those of tables without grains are holes in the file. In
/// memory is one table.
struct SparseExtentBuilder {
    /// The number of the file.
    let file: Int
    /// Sectors of virtual disk.
    private let capacity: UInt64
    private let descriptorSize: UInt64
    private let allowsZeroedGrains: Bool
    private let tableCount: UInt64
    /// Sectors of a directory.
    private let directorySize: UInt64
    /// Sectors before the first grain.
    private let overhead: UInt64
    /// The first byte behind the last grain.
    private(set) var end: UInt64
    /// The table that is being filled.
    private var table: (index: UInt64, bytes: [UInt8])?

    private static let tableSize = SparseHeader.writtenTableEntries * 4 / VMDK.sectorSize

    init(file: Int, capacity: UInt64, hasDescriptor: Bool, allowsZeroedGrains: Bool) {
        self.file = file
        self.allowsZeroedGrains = allowsZeroedGrains
        self.capacity = capacity
        descriptorSize = hasDescriptor ? SparseHeader.writtenDescriptorSize : 0
        tableCount = capacity.dividedUp(by: SparseHeader.writtenGrain * SparseHeader.writtenTableEntries)
        directorySize = (tableCount * 4).dividedUp(by: VMDK.sectorSize)
        let tables = 1 + descriptorSize + 2 * (directorySize + tableCount * Self.tableSize)
        overhead = tables.alignedUp(to: SparseHeader.writtenGrain)
        end = overhead * VMDK.sectorSize
    }

    /// The first byte behind the last grain if all are stored.
    var fullEnd: UInt64 { (overhead + capacity.alignedUp(to: SparseHeader.writtenGrain)) * VMDK.sectorSize }

    private var redundantDirectory: UInt64 { 1 + descriptorSize }
    private var directory: UInt64 { redundantDirectory + directorySize + tableCount * Self.tableSize }

    /// Finds a place for a grain, by its number in the extent; numbers rise.
    /// - Returns: its byte offset in the file.
    mutating func place(grain: UInt64, output: any OutputSink) throws(ImageError) -> HostOffset {
        let index = grain / SparseHeader.writtenTableEntries
        if table?.index != index {
            try writeTable(output: output)
            table = (index, [UInt8](repeating: 0, count: Int(Self.tableSize * VMDK.sectorSize)))
        }
        let offset = end
        end += SparseHeader.writtenGrain * VMDK.sectorSize
        let entry = Int(grain % SparseHeader.writtenTableEntries) * 4
        table?.bytes.storeLittleEndian(try GrainTableEntry.sector(ofByte: offset), at: entry)
        return HostOffset(offset)
    }

    private mutating func writeTable(output: any OutputSink) throws(ImageError) {
        guard let (index, bytes) = table else { return }
        for directory in [redundantDirectory, directory] {
            let sector = directory + directorySize + index * Self.tableSize
            try output.write(bytes, file: file, at: HostOffset(sector * VMDK.sectorSize))
        }
        table = nil
    }

    /// Writes what is missing: the last table, the directories, the header and the descriptor.
    mutating func finish(descriptor: [UInt8], output: any OutputSink) throws(ImageError) {
        try writeTable(output: output)
        for directory in [redundantDirectory, directory] {
            var bytes = [UInt8](repeating: 0, count: Int(tableCount) * 4)
            for index in 0..<tableCount {
                let sector = directory + directorySize + index * Self.tableSize
                bytes.storeLittleEndian(UInt32(sector), at: Int(index) * 4)
            }
            try output.write(bytes, file: file, at: HostOffset(directory * VMDK.sectorSize))
        }
        let flags: SparseHeader.Flags = [.newlineTest, .redundantDirectory]
        let header = SparseHeader(
            version: allowsZeroedGrains ? 2 : 1, flags: allowsZeroedGrains ? flags.union(.zeroedGrains) : flags,
            capacity: capacity, descriptorSize: descriptorSize,
            directoryOffset: directory, redundantDirectoryOffset: redundantDirectory)
        let bytes = header.bytes(overhead: overhead)
        try output.write(bytes + descriptor, file: file, at: HostOffset(0))
    }
}
