import ByteLayout
import DiskImage

extension Slot {
    /// Fills the transfers with what must be read of the output to get all that was written: whole blocks of the device, into
    /// memory that nothing else is in any more.
    mutating func planReadBack() {
        transfers.removeAll(keepingCapacity: true)
        stagedRanges.removeAll(keepingCapacity: true)
        var read = AlignedRead()
        for transfer in written {
            guard case .output(let file as OutputFile) = transfer.endpoint else {
                preconditionFailure("what goes to a server is not read back")
            }
            let wanted = unsafe transfer.offset..<transfer.offset + UInt64(transfer.memory.count)
            if !read.extend(by: wanted, of: file) {
                flush(read)
                read = AlignedRead(wanted, of: file, start: read.end)
            }
            let start = read.start + Int(wanted.lowerBound - read.range.lowerBound)
            stagedRanges.append(start..<start + wanted.count)
        }
        flush(read)
    }

    private mutating func flush(_ read: AlignedRead) {
        guard let file = read.file else { return }
        // Safe: a chunk's units, as they are or compressed, and the rest of the blocks that they begin and end in, of which
        // there are two for each piece of a placement, have room several times over; the slice checks it.
        let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: staging[read.start..<read.end])
        unsafe transfers.append(
            Transfer(
                endpoint: .readBack(file), offset: read.range.lowerBound, memory: memory, isRegistered: false,
                spare: Int(read.range.upperBound - read.wantedEnd)))
    }

    /// Throws unless what was read back is what was written.
    func requireReadBack() throws(ImageError) {
        for (transfer, range) in zip(written, stagedRanges) {
            guard case .output(let file as OutputFile) = transfer.endpoint else { continue }
            // Safe: the range has the length of what was written, and was read into.
            let read = unsafe UnsafeRawBufferPointer(rebasing: staging[range])
            if let index = unsafe Comparison.firstDifference(UnsafeRawBufferPointer(transfer.memory), read) {
                throw file.misread(at: transfer.offset + UInt64(index))
            }
        }
    }
}

/// A read of whole blocks of the device that is still growing.
private struct AlignedRead {
    /// Nil if there is none.
    var file: OutputFile?
    /// Of the file.
    var range: Range<UInt64> = 0..<0
    /// Behind the last byte that is wanted of it.
    var wantedEnd: UInt64 = 0
    /// Where in the staging memory the range begins.
    var start = 0

    /// The first byte of the staging memory that is free.
    var end: Int { start + range.count }

    init() {}

    init(_ wanted: Range<UInt64>, of file: OutputFile, start: Int) {
        self.file = file
        self.start = start
        range = Self.blocks(wanted)
        wantedEnd = wanted.upperBound
    }

    /// - Returns: false if something else lies in between.
    mutating func extend(by wanted: Range<UInt64>, of other: OutputFile) -> Bool {
        let blocks = Self.blocks(wanted)
        guard file === other, range.lowerBound <= blocks.lowerBound, blocks.lowerBound <= range.upperBound else {
            return false
        }
        range = range.lowerBound..<max(range.upperBound, blocks.upperBound)
        wantedEnd = max(wantedEnd, wanted.upperBound)
        return true
    }

    private static func blocks(_ range: Range<UInt64>) -> Range<UInt64> {
        let alignment = OutputFile.directAlignment
        return range.lowerBound.alignedDown(to: alignment)..<range.upperBound.alignedUp(to: alignment)
    }
}
