import CLinux
import Glibc
import SystemPackage

/// Tells data from holes in a sparse file (SEEK_DATA, SEEK_HOLE), remembering the last answer so that a sequential
/// reader asks the kernel once a run.
package final class AllocatedRanges {
    private let file: ImageFile
    /// The run that the last answer was about, and whether it holds data.
    private var known: (range: Range<UInt64>, isData: Bool) = (0..<0, false)
    /// False once the filesystem has said that it can't tell; then everything is data.
    private var isSupported = true

    package init(file: ImageFile) {
        self.file = file
    }

    /// The run of data or hole that contains `offset`, which lies inside the file: bytes from `offset` to its end.
    package func run(at offset: UInt64) -> (length: UInt64, isData: Bool) {
        if !known.range.contains(offset) { known = look(at: offset) }
        return (known.range.upperBound - offset, known.isData)
    }

    /// The extent of what a table says is data stored at `place` of this file: data, or a hole of the file.
    /// - Parameter limit: its bytes at most.
    package func extent(at place: FilePlace, limit: UInt64) -> Extent {
        let run = run(at: place.offset.bytes)
        let length = min(run.length, limit)
        guard run.isData else {
            return Extent(length: length, content: .zero, zeroOrigin: .hole, unusedPlace: place)
        }
        return Extent(length: length, content: .data(file: place.file, offset: place.offset))
    }

    private func look(at offset: UInt64) -> (range: Range<UInt64>, isData: Bool) {
        let rest = (range: offset..<file.size, isData: true)
        guard isSupported else { return rest }
        let data = linux_seek_data(file.descriptor.rawValue, off_t(file.base + offset))
        if data < 0 {
            // ENXIO: no data from here to the end. Anything else: the question is not understood.
            if Errno.current == .noSuchAddressOrDevice { return (offset..<file.size, false) }
            isSupported = false
            return rest
        }
        let start = file.base + offset
        if UInt64(data) > start { return (offset..<end(at: data), false) }
        let hole = linux_seek_hole(file.descriptor.rawValue, off_t(start))
        guard hole > 0, UInt64(hole) > start else { return rest }
        return (offset..<end(at: hole), true)
    }

    /// The byte of the file that the descriptor's byte `position` is, or the end of the file if it lies behind that.
    private func end(at position: off_t) -> UInt64 {
        min(UInt64(position) - file.base, file.size)
    }
}
