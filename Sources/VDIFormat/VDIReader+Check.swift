import ByteLayout
package import DiskImage

extension VDIReader: ImageChecker {
    /// Checks that each block that the map names is in the file, is named once, and is counted by the header.
    package func check(_ report: inout CheckReport) throws(ImageError) {
        let map = VDIMap(file: file, header: header)
        // Blocks behind the end of the file are wrong anyway. One window is 256 TiB of blocks of 1 MiB.
        let stored = min(UInt64(header.blockCount), file.size / UInt64(header.blockSize) + 1)
        guard header.blockCount > 0, var claimed = ClaimedUnits.windows(stored).first else { return }
        var count: UInt32 = 0
        var behindCount: UInt32 = 0
        for index in 0..<Int(header.size.dividedUp(by: UInt64(header.blockSize))) {
            if index % 4096 == 0 { try report.requireWanted() }
            guard let number = try map.storedNumber(of: index) else { continue }
            let offset = UInt64(header.mapOffset) + UInt64(index) * 4
            guard number < header.blockCount else {
                report.corruption("entry \(index) of the block map has the number \(number)", in: file, at: offset)
                continue
            }
            count += 1
            if number >= header.allocatedCount { behindCount += 1 }
            if !claimed.claim(UInt64(number)..<UInt64(number) + 1) {
                report.corruption(
                    "entry \(index) of the block map names a block that another does", in: file, at: offset)
            }
            let length = min(UInt64(header.blockSize), header.size - UInt64(index) * UInt64(header.blockSize))
            if map.hostOffset(ofBlock: number) + length > file.size {
                report.corruption(
                    "entry \(index) of the block map points past the end of the file", in: file, at: offset)
            }
        }
        if count != header.allocatedCount {
            report.corruption(
                "the header counts \(header.allocatedCount) allocated blocks, the map names \(count)", in: file, at: 388
            )
        } else if behindCount > 0 {
            report.corruption(
                "the map names \(behindCount) blocks behind the \(count) that are allocated", in: file,
                at: UInt64(header.mapOffset), count: UInt64(behindCount))
        }
    }
}
