import CLinux
import Glibc
import NBD
import SystemPackage

/// Tells data from holes in a sparse file (SEEK_DATA, SEEK_HOLE) or an export (block status), remembering the last answer so
/// that a sequential reader asks the kernel once a run.
package final class AllocatedRanges {
    private let file: ImageFile
    /// What the server tells, if the file is an export.
    private let blockStatus: NBDBlockStatus?
    /// The run that the last answer was about, and whether it holds data.
    private var known: (range: Range<UInt64>, isData: Bool) = (0..<0, false)
    /// False once the filesystem, or the server, has said that it can't tell; then everything is data.
    private var isSupported = true

    package init(file: ImageFile) {
        self.file = file
        blockStatus = if case .export(let export) = file.storage { NBDBlockStatus(export) } else { nil }
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
        let run =
            switch file.storage {
            case .file(let descriptor): Self.seek(file.base + offset, descriptor)
            case .export: blockStatus?.run(at: file.base + offset)
            }
        guard let run else {
            isSupported = false
            return rest
        }
        return (offset..<min(run.end - file.base, file.size), run.isData)
    }

    /// The run that contains byte `start` of what `descriptor` reads, like ``NBDBlockStatus/run(at:)``; the last ends at infinity.
    private static func seek(_ start: UInt64, _ descriptor: FileDescriptor) -> (end: UInt64, isData: Bool)? {
        let data = linux_seek_data(descriptor.rawValue, off_t(start))
        if data < 0 {
            // ENXIO: no data from here to the end. Anything else: the question is not understood.
            return Errno.current == .noSuchAddressOrDevice ? (.max, false) : nil
        }
        if UInt64(data) > start { return (UInt64(data), false) }
        let hole = linux_seek_hole(descriptor.rawValue, off_t(start))
        guard hole > 0, UInt64(hole) > start else { return (.max, true) }
        return (UInt64(hole), true)
    }
}
