import ByteLayout
package import DiskImage

extension VHDXReader: ImageChecker {
    /// Checks headers, region tables, the log, and that the blocks are in the file, each at a place of its own.
    package func check(_ report: inout CheckReport) throws(ImageError) {
        for position in VHDX.headerPositions {
            let bytes = try file.read(at: position, count: VHDX.headerLength, what: "VHDX header")
            if VHDXHeader(bytes, position: position) == nil {
                report.corruption("a header of the VHDX is damaged", in: file, at: position)
            }
        }
        if replayed.isReplayed {
            report.corruption(
                "the VHDX was not closed: its log has changes that are not made yet", in: file,
                at: header.log.lowerBound)
        }
        try checkRegionTables(&report)
        do throws(ImageError) {
            try checkBlocks(of: try VHDXMap(replayed, regions: regions, metadata: metadata), &report)
            _ = try openParent()
        } catch {
            try report.corruption(error, in: file)
        }
    }

    private func checkRegionTables(_ report: inout CheckReport) throws(ImageError) {
        var intact: [UInt8]?
        for position in VHDX.regionTablePositions {
            guard let table = try VHDXRegions.table(replayed, at: position) else {
                report.corruption("a region table of the VHDX is damaged", in: file, at: position)
                continue
            }
            if let intact, intact != table {
                report.corruption("the region tables contradict each other", in: file, at: position)
            }
            intact = table
        }
    }

    private func checkBlocks(of map: VHDXMap, _ report: inout CheckReport) throws(ImageError) {
        // In units of 1 MiB a window is 256 TiB of file, more than there are blocks for.
        let units = replayed.size.dividedUp(by: VHDX.alignment)
        guard var claimed = ClaimedUnits.windows(min(units, ClaimedUnits.windowLength)).first else { return }
        for index in 0..<map.blockCount {
            if index % 4096 == 0 { try report.requireWanted() }
            let place = map.tableIndex(of: index)
            let entry = try map.entry(place)
            switch entry.state {
            case .notPresent, .undefined, .zero, .unmapped, .formerlyUnmapped:
                break
            case nil:
                reportEntry(place, "is impossible: 0x\(String(entry.rawValue, radix: 16))", &report)
            case .partiallyPresent where !map.hasParent:
                reportEntry(place, "needs a parent, which there is not", &report)
            case .present, .partiallyPresent:
                check(entry, at: place, length: metadata.blockSize, &claimed, &report)
            }
        }
        guard map.hasParent else { return }
        for chunk in 0..<map.chunkCount {
            let place = map.tableIndex(ofBitmap: chunk)
            let entry = try map.entry(place)
            if entry.state == .present { check(entry, at: place, length: VHDX.alignment, &claimed, &report) }
        }
    }

    /// Checks the place of the block of `length` bytes that entry `index` of the block table names.
    private func check(
        _ entry: VHDXBlockEntry, at index: Int, length: UInt64, _ claimed: inout ClaimedUnits,
        _ report: inout CheckReport
    ) {
        let start = entry.hostOffset
        guard start <= replayed.size, length <= replayed.size - start else {
            reportEntry(index, "points past the end of the file: byte \(start)", &report)
            return
        }
        let bytes = start..<start + length
        if regions.reserved.intersect(bytes) {
            reportEntry(index, "points at the VHDX's own tables: byte \(start)", &report)
        } else if !claimed.claim(start / VHDX.alignment..<bytes.upperBound / VHDX.alignment) {
            reportEntry(index, "points at a block that another does: byte \(start)", &report)
        }
    }

    private func reportEntry(_ index: Int, _ problem: String, _ report: inout CheckReport) {
        report.corruption(
            "entry \(index) of the block table \(problem)", in: file,
            at: regions.table.lowerBound + UInt64(index) * 8)
    }
}
