import ByteLayout
package import DiskImage

/// A stream-optimized VMDK that comes front to back. Every grain says itself where it belongs; the tables around the
/// grains are held against them, which finds out whether any is missing.
package final class VMDKStream: DiskStream {
    private let bytes: BufferedStream
    private let header: SparseHeader
    private let descriptor: Descriptor
    private let length: UInt64
    /// Holds the grains that have come against the tables that say which there are.
    private var tables: StreamTables
    /// The header of the grain that comes; its data is still in the stream.
    private var grainHeader: [UInt8] = []
    private var isAtEnd = false

    /// A grain's sector (u64) and the length of its data (u32); for a marker the length is 0 and its type follows.
    private static let headerLength = 12

    private enum Marker: UInt32 {
        case endOfStream = 0
        case grainTable = 1
        case grainDirectory = 2
        case footer = 3
    }

    package var path: String { bytes.path }
    package var virtualSize: UInt64? { length }

    /// Reads everything in front of the first grain.
    package init(_ bytes: BufferedStream) throws(ImageError) {
        self.bytes = bytes
        let head = try Self.head(of: bytes)
        header = try SparseHeader(file: head)
        guard header.isCompressed, header.flags.contains(.markers) else {
            throw head.unsupported(
                "only a stream-optimized VMDK can be read front to back", at: 8,
                advice: "save it to a file and convert that")
        }
        descriptor = try VMDKReader.embeddedDescriptor(of: head, header: header)
        guard !descriptor.hasParent else {
            throw head.unsupported(
                "the disk is a snapshot, and a stream can't name its parent", advice: "save it beside its parent")
        }
        length = try VMDKReader.length(of: head, header: header, line: descriptor.extents.first)
        let overhead = try head.read(at: 64, count: 8, what: "VMDK sparse header").littleEndian(UInt64.self, at: 0)
        tables = StreamTables(header: header, overhead: overhead)
        try tables.readFront(bytes)
    }

    /// The header and the embedded descriptor as a file.
    private static func head(of bytes: BufferedStream) throws(ImageError) -> ImageFile {
        var head = try bytes.take(SparseHeader.length)
        if head.count == SparseHeader.length {
            let start = head.littleEndian(UInt64.self, at: 28)
            let sectors = head.littleEndian(UInt64.self, at: 36)
            // What is farther away or longer is no descriptor; the header's checks will say so.
            let limit = UInt64(VMDK.maximumDescriptorLength) / VMDK.sectorSize
            if (1...limit).contains(start), sectors <= limit {
                head += try bytes.take(Int((start + sectors) * VMDK.sectorSize) - SparseHeader.length)
            }
        }
        return try ImageFile(bytes: head, path: bytes.path)
    }

    package var info: ImageInfo {
        ImageInfo(
            filename: path, format: .vmdk, subformat: descriptor.createType, virtualSize: length,
            actualSize: bytes.length ?? 0, clusterSize: header.grainLength, dirty: header.isUnclean)
    }

    // MARK: Reading

    package func next() throws(ImageError) -> StreamedExtent? {
        while !isAtEnd {
            let start = bytes.position
            let head = try bytes.take(Self.headerLength)
            // Without a footer nothing need mark the end.
            if head.isEmpty, tables.mayEnd {
                isAtEnd = true
                break
            }
            guard head.count == Self.headerLength else { throw bytes.truncated("the stream-optimized VMDK") }
            let value = head.littleEndian(UInt64.self, at: 0)
            let size = head.littleEndian(UInt32.self, at: 8)
            if size > 0 {
                grainHeader = head
                return try grain(at: start, sector: value, size: Int(size))
            }
            try marker(at: start, sectors: value)
        }
        try tables.finish(path: path)
        // What follows the end is of no interest, but whoever sends it wants to get rid of it.
        while try bytes.skip(1 << 30) > 0 {}
        return nil
    }

    private func grain(at start: UInt64, sector: UInt64, size: Int) throws(ImageError) -> StreamedExtent {
        let grain = header.grainSize
        guard sector % grain == 0, sector < length / VMDK.sectorSize + (length % VMDK.sectorSize == 0 ? 0 : 1) else {
            throw bytes.damaged("a grain says that it is sector \(sector), which no grain of the disk is", at: start)
        }
        guard size <= 2 * header.grainLength + 1024 else {
            throw bytes.damaged("a grain of \(size) bytes is impossibly large", at: start)
        }
        try tables.note(grain: sector / grain, at: start, path: path)
        let offset = sector * VMDK.sectorSize
        let used = min(header.grainLength, length - offset)
        let unit = CompressedUnit(
            file: 0, offset: HostOffset(start), storedBound: Self.headerLength + size,
            unitLength: Int(header.grainLength), minimumLength: Int(used),
            coding: .vmdkGrain(headerLength: Self.headerLength, sector: sector))
        return StreamedExtent(
            offset: GuestOffset(offset), extent: Extent(length: used, content: .compressed(unit)),
            storedLength: Self.headerLength + size)
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        unsafe buffer.copyBytes(from: grainHeader)
        // Safe: the rest of the buffer, which has room for the header and the data.
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[grainHeader.count...])
        guard unsafe try bytes.read(into: rest) == rest.count else {
            throw bytes.truncated("the stream-optimized VMDK")
        }
        try skipToSector()
        return buffer.count
    }

    /// Takes what belongs to the marker at `start`, whose header has been read.
    private func marker(at start: UInt64, sectors: UInt64) throws(ImageError) {
        let rest = try bytes.take(Int(VMDK.sectorSize) - Self.headerLength)
        guard rest.count == Int(VMDK.sectorSize) - Self.headerLength else {
            throw bytes.truncated("the stream-optimized VMDK")
        }
        switch Marker(rawValue: rest.littleEndian(UInt32.self, at: 0)) {
        case .endOfStream:
            guard tables.mayEnd else { throw bytes.truncated("the stream-optimized VMDK") }
            isAtEnd = true
        case .grainTable:
            guard sectors == header.tableLength.dividedUp(by: VMDK.sectorSize) else {
                throw bytes.damaged("a grain table of \(sectors) sectors does not have the right size", at: start)
            }
            let table = try bytes.take(Int(sectors * VMDK.sectorSize))
            guard table.count == Int(sectors * VMDK.sectorSize) else {
                throw bytes.truncated("the stream-optimized VMDK")
            }
            try tables.check(table, at: start, path: path)
        case .footer:
            tables.hasFooter = true
            try skip(sectors)
        case .grainDirectory:
            tables.hasDirectory = true
            try skip(sectors)
        case nil:
            try skip(sectors)
        }
    }

    private func skip(_ sectors: UInt64) throws(ImageError) {
        let length = sectors.multipliedReportingOverflow(by: VMDK.sectorSize)
        guard !length.overflow, try bytes.skip(length.partialValue) == length.partialValue else {
            throw bytes.truncated("the stream-optimized VMDK")
        }
    }

    /// Grains are padded to sectors; the padding behind the last may be missing.
    private func skipToSector() throws(ImageError) {
        _ = try bytes.skip(bytes.position.alignedUp(to: VMDK.sectorSize) - bytes.position)
    }
}
