import ByteLayout
import DiskImage

/// A seSparse extent: grain directory → grain tables, in any order → grains. Holds the directory and one table.
final class SESparseExtent {
    private let file: ImageFile
    private let fileIndex: Int
    private let header: SESparseHeader
    /// The numbers of the grain tables, nil for an absent one.
    private let directory: [UInt32?]
    private var table: (index: Int, entries: [UInt64]) = (-1, [])

    init(file: ImageFile, fileIndex: Int, header: SESparseHeader, length: UInt64) throws(ImageError) {
        self.file = file
        self.fileIndex = fileIndex
        self.header = header
        let count = length.dividedUp(by: SESparseHeader.tableCoverage)
        guard count * 8 <= UInt64(header.directory.count) else {
            throw file.damaged("the grain directory is too short for a disk of \(length) bytes", at: 136)
        }
        let bytes = try file.read(at: header.directory.lowerBound, count: Int(count) * 8, what: "grain directory")
        var directory: [UInt32?] = []
        var seen: Set<UInt32> = []
        for index in 0..<Int(count) {
            let entry = bytes.littleEndian(UInt64.self, at: index * 8)
            guard entry != 0 else {
                directory.append(nil)
                continue
            }
            let position = header.directory.lowerBound + UInt64(index) * 8
            let number = UInt32(truncatingIfNeeded: entry)
            guard entry >> 32 == 0x1000_0000 else {
                throw file.damaged("entry \(index) of the grain directory makes no sense", at: position)
            }
            let end = header.tables.lowerBound + (UInt64(number) + 1) * UInt64(SESparseHeader.tableLength)
            guard end <= min(header.tables.upperBound, file.size) else {
                throw file.damaged("entry \(index) of the grain directory points past the grain tables", at: position)
            }
            guard seen.insert(number).inserted else {
                throw file.damaged("two entries of the grain directory share a table", at: position)
            }
            directory.append(number)
        }
        self.directory = directory
    }

    /// What an entry of a grain table says.
    private enum Grain: Equatable {
        case absent
        case zero
        /// Number of the grain.
        case data(UInt64)
    }

    func extent(at offset: UInt64, limit: UInt64) throws(ImageError) -> Extent {
        let tableIndex = Int(offset / SESparseHeader.tableCoverage)
        let within = offset % SESparseHeader.tableCoverage
        guard directory[tableIndex] != nil else {
            var end = tableIndex + 1
            var run = SESparseHeader.tableCoverage - within
            while run < limit, directory[end] == nil {
                end += 1
                run += SESparseHeader.tableCoverage
            }
            return Extent(length: min(run, limit), content: .unallocated)
        }
        try load(tableIndex)
        let limit = min(limit, SESparseHeader.tableCoverage - within)
        let index = Int(within / SESparseHeader.grainLength)
        let skipped = within % SESparseHeader.grainLength
        let first = try grain(index)
        var end = index + 1
        var run = SESparseHeader.grainLength - skipped
        while end < table.entries.count, run < limit {
            let next = try grain(end)
            if case .data(let number) = first {
                guard next == .data(number + UInt64(end - index)) else { break }
            } else {
                guard next == first else { break }
            }
            end += 1
            run += SESparseHeader.grainLength
        }
        let length = min(run, limit)
        switch first {
        case .absent:
            return Extent(length: length, content: .unallocated)
        case .zero:
            return Extent(length: length, content: .zero)
        case .data(let number):
            // A number has 60 bits: compared before it is multiplied, which could overflow.
            let end = min(header.grains.upperBound, file.size)
            guard
                number <= (end - header.grains.lowerBound) / SESparseHeader.grainLength,
                case let start = header.grains.lowerBound + number * SESparseHeader.grainLength + skipped,
                start <= end, length <= end - start
            else { throw damaged(index, "points past the end of the file (grain \(number))") }
            return Extent(length: length, content: .data(file: fileIndex, offset: HostOffset(start)))
        }
    }

    /// Bytes from `offset` that can't be told if those at `offset` can't.
    func unmappableLength(at offset: UInt64) -> UInt64 {
        let isLoaded = (try? load(Int(offset / SESparseHeader.tableCoverage))) != nil
        let unit = isLoaded ? SESparseHeader.grainLength : SESparseHeader.tableCoverage
        return unit - offset % unit
    }

    private func grain(_ index: Int) throws(ImageError) -> Grain {
        let entry = table.entries[index]
        switch entry >> 60 {
        case 0:
            guard entry == 0 else { throw damaged(index, "makes no sense: 0x\(String(entry, radix: 16))") }
            return .absent
        case 1, 2:
            // Unmapped by the guest, or zeroed: zero either way, and what the parent has is hidden.
            return .zero
        case 3:
            // The low 12 bits of the number are in bits 48 to 59.
            return .data((entry & 0x0FFF_0000_0000_0000) >> 48 | (entry & 0x0000_FFFF_FFFF_FFFF) << 12)
        default:
            throw damaged(index, "makes no sense: 0x\(String(entry, radix: 16))")
        }
    }

    private func load(_ index: Int) throws(ImageError) {
        guard table.index != index, let number = directory[index] else { return }
        let bytes = try file.read(
            at: header.tables.lowerBound + UInt64(number) * UInt64(SESparseHeader.tableLength),
            count: SESparseHeader.tableLength, what: "grain table")
        table = (index, (0..<SESparseHeader.tableEntries).map { bytes.littleEndian(UInt64.self, at: $0 * 8) })
    }

    private func damaged(_ entry: Int, _ message: String) -> ImageError {
        let number = UInt64(directory[table.index] ?? 0)
        return file.damaged(
            "entry \(entry) of grain table \(table.index) \(message)",
            at: header.tables.lowerBound + number * UInt64(SESparseHeader.tableLength) + UInt64(entry) * 8)
    }
}
