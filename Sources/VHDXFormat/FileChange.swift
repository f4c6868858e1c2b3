import ByteLayout

/// A change that the log makes to the file.
struct FileChange: Equatable {
    enum Content: Equatable {
        case zero
        /// The sector of 4 KiB that the log has at byte `at` of the file, with its first eight and last four bytes put back.
        case logged(at: UInt64, leading: UInt64, trailing: UInt32)
    }

    /// Bytes of the file, whole sectors of 4 KiB; one if it is logged.
    var range: Range<UInt64>
    var content: Content

    /// What remains of `changes`, made one after the other: sorted, without overlaps.
    ///
    /// The pieces between all the changes' ends are given away from the last change to the first; each belongs to the
    /// change that gets it first. With the way to the next free piece remembered this takes hardly more than the sorting.
    static func merged(_ changes: [FileChange]) -> [FileChange] {
        let cuts = Set(changes.flatMap { [$0.range.lowerBound, $0.range.upperBound] }).sorted()
        var owners = [Int?](repeating: nil, count: cuts.count)
        /// For each piece one that is free, or closer to it.
        var nextFree = Array(0...cuts.count)
        func free(from piece: Int) -> Int {
            var piece = piece
            while nextFree[piece] != piece {
                nextFree[piece] = nextFree[nextFree[piece]]
                piece = nextFree[piece]
            }
            return piece
        }
        for (number, change) in changes.enumerated().reversed() where !change.range.isEmpty {
            var piece = free(from: cuts.firstIndex(atLeast: change.range.lowerBound))
            while piece < cuts.count, cuts[piece] < change.range.upperBound {
                owners[piece] = number
                nextFree[piece] = piece + 1
                piece = free(from: piece + 1)
            }
        }
        var merged: [FileChange] = []
        for (piece, owner) in owners.enumerated() {
            guard let owner else { continue }
            let content = changes[owner].content
            let range = cuts[piece]..<cuts[piece + 1]
            if content == .zero, let last = merged.last, last.content == .zero,
                last.range.upperBound == range.lowerBound
            {
                merged[merged.count - 1].range = last.range.lowerBound..<range.upperBound
            } else {
                merged.append(FileChange(range: range, content: content))
            }
        }
        return merged
    }
}

extension [UInt64] {
    /// The index of the first element of this sorted array that is not below `value`.
    fileprivate func firstIndex(atLeast value: UInt64) -> Int {
        partitioningIndex { $0 >= value }
    }
}
