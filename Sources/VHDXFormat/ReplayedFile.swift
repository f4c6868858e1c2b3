import ByteLayout
import DiskImage

/// A VHDX as it is once its log has been replayed. The file itself stays as it is.
struct ReplayedFile: MetadataSource {
    let file: ImageFile
    /// Bytes, perhaps more than the file has; what it lacks is zero.
    let size: UInt64
    /// Whether there was a log to replay.
    let isReplayed: Bool
    /// Sorted, without overlaps.
    private let changes: [FileChange]

    init(_ file: ImageFile, header: VHDXHeader) throws(ImageError) {
        self.file = file
        isReplayed = header.logGUID != .zero
        guard isReplayed else {
            size = file.size
            changes = []
            return
        }
        let replay = try LogReplay(try LogRing(file: file, header: header))
        size = replay.fileSize
        changes = FileChange.merged(replay.changes)
        guard !isChanged(0..<VHDX.regionTablePositions[0]), !isChanged(header.log) else {
            throw file.damaged("the log changes the headers or itself", at: header.log.lowerBound)
        }
    }

    func read(at offset: UInt64, count: Int, what: String) throws(ImageError) -> [UInt8] {
        guard offset <= size, UInt64(count) <= size - offset else {
            throw file.damaged("the file ends inside the \(what) (\(count) bytes; the file has \(size))", at: offset)
        }
        let start = min(offset, file.size)
        let there = Int(min(UInt64(count), file.size - start))
        var bytes = try file.read(at: start, count: there, what: what)
        bytes += [UInt8](repeating: 0, count: count - there)
        let range = offset..<offset + UInt64(count)
        for change in changes[firstChange(endingBehind: offset)...].prefix(while: {
            $0.range.lowerBound < range.upperBound
        }) {
            let part = change.range.clamped(to: range)
            let target = Int(part.lowerBound - offset)..<Int(part.upperBound - offset)
            switch change.content {
            case .zero:
                bytes.replaceSubrange(target, with: repeatElement(0, count: target.count))
            case .logged(let place, let leading, let trailing):
                let sector = try sector(at: place, leading: leading, trailing: trailing)
                let start = Int(part.lowerBound - change.range.lowerBound)
                bytes.replaceSubrange(target, with: sector[start..<start + target.count])
            }
        }
        return bytes
    }

    /// Whether the log changes any byte of `range`.
    func isChanged(_ range: Range<UInt64>) -> Bool {
        let first = firstChange(endingBehind: range.lowerBound)
        return first < changes.count && changes[first].range.lowerBound < range.upperBound
    }

    private func sector(at place: UInt64, leading: UInt64, trailing: UInt32) throws(ImageError) -> [UInt8] {
        let sector = try file.read(at: place, count: Int(LogRing.sectorLength), what: "log")
        return (0..<8).map { UInt8(truncatingIfNeeded: leading >> ($0 * 8)) } + sector[8..<4092]
            + (0..<4).map { UInt8(truncatingIfNeeded: trailing >> ($0 * 8)) }
    }

    /// The index of the first change that ends behind `offset`.
    private func firstChange(endingBehind offset: UInt64) -> Int {
        changes.partitioningIndex { $0.range.upperBound > offset }
    }
}
