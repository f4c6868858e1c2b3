extension RandomAccessCollection where Index == Int {
    /// The first index whose element `isBehind`, where all elements that follow such a one are, too; the end if there is none.
    @inlinable
    package func partitioningIndex(where isBehind: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
