import ByteLayout
package import DiskImage

extension VHDReader: ImageChecker {
    /// Checks the footer, its copy and the dynamic header, and that the blocks are in the file, each at a place of its own.
    package func check(_ report: inout CheckReport) throws(ImageError) {
        for remark in try VHDFooter.choose(in: file).warnings {
            report.corruption(remark, in: file, at: footer.position)
        }
        guard let header else { return }
        if !header.isIntact {
            report.corruption("the checksum of the dynamic VHD header is wrong", in: file, at: header.position + 36)
        }
        do throws(ImageError) {
            let map = try VHDMap(file: file, footer: footer, header: header, virtualSize: virtualSize)
            let sectors = min(file.size.dividedUp(by: VHD.sectorSize), VHD.addressableSectors)
            for (number, window) in ClaimedUnits.windows(sectors).enumerated() {
                try checkBlocks(of: map, header, window, tellsPlaces: number == 0, &report)
            }
            _ = try openParent()
        } catch {
            try report.corruption(error, in: file)
        }
    }

    /// - Parameter tellsPlaces: whether blocks outside the file are told; once is enough.
    private func checkBlocks(
        of map: VHDMap, _ header: VHDDynamicHeader, _ window: ClaimedUnits, tellsPlaces: Bool,
        _ report: inout CheckReport
    ) throws(ImageError) {
        var claimed = window
        for range in map.reserved { _ = claimed.claim(Self.sectors(range)) }
        let blockSize = UInt64(header.blockSize)
        for index in 0..<Int(virtualSize.dividedUp(by: blockSize)) {
            if index % 4096 == 0 { try report.requireWanted() }
            guard let start = try map.hostOffset(of: index) else { continue }
            let end = start + header.bitmapLength + min(blockSize, virtualSize - UInt64(index) * blockSize)
            let problem: String
            if end > map.end {
                guard tellsPlaces else { continue }
                problem = "past the end of the file"
            } else if !claimed.claim(Self.sectors(start..<end)) {
                problem = "at what is used already"
            } else {
                continue
            }
            report.corruption(
                "entry \(index) of the block table points \(problem): byte \(start)", in: file,
                at: header.tableOffset + UInt64(index) * 4)
        }
    }

    private static func sectors(_ bytes: Range<UInt64>) -> Range<UInt64> {
        bytes.lowerBound / VHD.sectorSize..<bytes.upperBound.dividedUp(by: VHD.sectorSize)
    }
}
