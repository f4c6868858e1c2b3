import ByteLayout
import DiskImage

/// What a stream's grain tables say about its grains, seen while both pass by.
///
/// VMware puts each table behind its grains: the grains since the last table must be those that the table lists. QEMU and
/// VMware's desktop tools put all tables in front: then their entries are only counted, for the tables of a large disk
/// would take more memory than there is.
struct StreamTables {
    private let header: SparseHeader
    /// Byte of the stream at which the grains start.
    private let overhead: UInt64
    /// Whether the header, and not a footer, says where the grain directory is.
    private let hasDirectoryInHeader: Bool
    /// Whether the tables come before the grains.
    private let areInFront: Bool

    var hasFooter = false
    var hasDirectory = false
    /// Grains that the tables in front list and that have not come.
    private var missing = 0
    /// Grains that have come and that no table has listed: number and sector of the stream.
    private var unlisted: [(grain: UInt64, sector: UInt64)] = []

    init(header: SparseHeader, overhead: UInt64) {
        self.header = header
        self.overhead =
            overhead.multipliedReportingOverflow(by: VMDK.sectorSize).overflow ? .max : overhead * VMDK.sectorSize
        hasDirectoryInHeader = header.directoryOffset != SparseHeader.directoryAtEnd
        areInFront = hasDirectoryInHeader && header.directoryOffset < overhead
    }

    /// Whether everything that must come before the end has come.
    var mayEnd: Bool { hasDirectoryInHeader ? areInFront || hasDirectory : hasFooter }

    /// Passes over everything before the grains; counts what the tables in front list.
    mutating func readFront(_ bytes: BufferedStream) throws(ImageError) {
        if areInFront {
            let directory = header.directoryOffset * VMDK.sectorSize
            let tables = try directoryEntries(bytes, at: directory)
            for table in tables.sorted() {
                let entries = try read(bytes, at: UInt64(table) * VMDK.sectorSize, count: Int(header.tableLength))
                for index in 0..<Int(header.grainTableEntries)
                where GrainTableEntry(rawValue: entries.littleEndian(UInt32.self, at: index * 4)).isAllocated {
                    missing += 1
                }
            }
        }
        guard bytes.position <= overhead else {
            throw bytes.damaged("the first grain overlaps the tables in front of it", at: 64)
        }
        let distance = overhead - bytes.position
        guard try bytes.skip(distance) == distance else { throw bytes.truncated("the stream-optimized VMDK") }
    }

    /// The sectors of the tables that are not absent.
    private func directoryEntries(_ bytes: BufferedStream, at offset: UInt64) throws(ImageError) -> [UInt32] {
        let count = Int(header.directoryEntries)
        let entries = try read(bytes, at: offset, count: count * 4)
        return (0..<count).map { entries.littleEndian(UInt32.self, at: $0 * 4) }.filter { $0 != 0 }
    }

    /// The bytes at `offset` of the stream, which must not have passed yet.
    private func read(_ bytes: BufferedStream, at offset: UInt64, count: Int) throws(ImageError) -> [UInt8] {
        guard offset >= bytes.position, offset <= overhead, UInt64(count) <= overhead - offset else {
            throw ImageError(
                .inputUnsupported, "the VMDK's tables are not in front of its grains", advice: "save it to a file",
                path: bytes.path, offset: offset)
        }
        let distance = offset - bytes.position
        guard try bytes.skip(distance) == distance else { throw bytes.truncated("the stream-optimized VMDK") }
        let content = try bytes.take(count)
        guard content.count == count else { throw bytes.truncated("the stream-optimized VMDK") }
        return content
    }

    /// A grain has come, at byte `offset` of the stream.
    mutating func note(grain: UInt64, at offset: UInt64, path: String) throws(ImageError) {
        if areInFront {
            missing -= 1
            return
        }
        unlisted.append((grain, offset / VMDK.sectorSize))
        guard unlisted.count <= Int(header.grainTableEntries) else {
            throw ImageError(
                .inputDamaged, "more grains follow each other than a grain table can list", path: path, offset: offset)
        }
    }

    /// Holds a table that has come behind its grains against them.
    mutating func check(_ table: [UInt8], at offset: UInt64, path: String) throws(ImageError) {
        guard !areInFront else { return }
        let count = header.grainTableEntries
        let first = (unlisted.first?.grain ?? 0) / count * count
        var rest = unlisted
        rest.sort { $0.grain < $1.grain }
        var listed = rest[...]
        for index in 0..<Int(count) {
            let entry = GrainTableEntry(rawValue: table.littleEndian(UInt32.self, at: index * 4))
            guard entry.isAllocated else { continue }
            guard let grain = listed.popFirst(), grain.grain == first + UInt64(index),
                grain.sector == UInt64(entry.rawValue)
            else { throw contradiction(offset, path) }
        }
        guard listed.isEmpty else { throw contradiction(offset, path) }
        unlisted.removeAll(keepingCapacity: true)
    }

    private func contradiction(_ offset: UInt64, _ path: String) -> ImageError {
        ImageError(
            .inputDamaged, "a grain table lists other grains than those before it", advice: "copy it again", path: path,
            offset: offset)
    }

    /// Throws unless the tables have listed as many grains as have come.
    func finish(path: String) throws(ImageError) {
        guard missing == 0, unlisted.isEmpty else {
            throw ImageError(
                .inputDamaged, "the stream does not have the grains that its tables list: it is cut short or damaged",
                advice: "copy it again", path: path)
        }
    }
}
