extension EncodedChunk {
    /// Where the chunk goes if its units keep their offsets, but within blocks of the disk that have places of their own.
    /// - Parameters:
    ///   - unitSize: bytes of a unit, a divisor of `blockSize`.
    ///   - place: where in file 0 the data of a block is, by the block's number; asked for blocks of which anything is
    ///     stored.
    package func placement(
        inBlocksOf blockSize: UInt64, unitSize: Int, place: (_ block: UInt64) throws(ImageError) -> HostOffset
    ) throws(ImageError) -> Placement {
        var placement = Placement()
        var position = offset.bytes
        let end = position + length
        while position < end {
            let block = position / blockSize
            let stop = min(end, (block + 1) * blockSize)
            // Of the other blocks nothing is written, so that their place does not matter.
            let start = isStored(position..<stop, unitSize: unitSize) ? try place(block) : HostOffset(0)
            placement.plain.append(
                Placement.Piece(length: stop - position, at: start + position % blockSize))
            position = stop
        }
        return placement
    }

    /// Whether anything is stored of the bytes `range` of the disk, which lie in the chunk.
    package func isStored(_ range: Range<UInt64>, unitSize: Int) -> Bool {
        let first = Int(range.lowerBound - offset.bytes) / unitSize
        let last = (Int(range.upperBound - offset.bytes) + unitSize - 1) / unitSize
        return units[first..<last].contains(where: \.isStored)
    }
}
