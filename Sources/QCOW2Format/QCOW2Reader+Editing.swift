import ByteLayout
package import DiskImage

extension QCOW2Reader {
    /// Changes the size of the disk to `size` bytes, whole sectors.
    ///
    /// At every moment the image is the old one or the new one, if `output` keeps to its barriers; an interruption can only
    /// leave clusters that nothing uses.
    /// - Parameter output: changes ``file``, on which nobody else works.
    /// - Throws: `inputDamaged` if the image must be repaired first; `inputUnsupported`.
    package func resize(to size: UInt64, output: any OutputSink) throws(ImageError) {
        try requireResizable()
        if size > header.size {
            let growth = try growth(to: size)
            let end = try QCOW2Shrinking(file: file, header: header, size: header.size)
            guard try end.hasData() else { return try growth.run(output) }
            try requireClearableEnd()
            try end.run(output)
            // Its refcounts are others now.
            try QCOW2Growth(file: file, header: header, size: size).run(output)
        } else if size < header.size {
            guard snapshots.isEmpty else {
                throw file.unsupported("an image with internal snapshots can't shrink", advice: "delete them first")
            }
            try requireGoodL1()
            try requireSound()
            try QCOW2Shrinking(file: file, header: header, size: size).run(output)
        }
    }

    /// Throws what ``resize(to:output:)`` would if the disk can't grow to `size` bytes.
    package func requireGrowable(to size: UInt64) throws(ImageError) {
        try requireResizable()
        _ = try growth(to: size)
        if try QCOW2Shrinking(file: file, header: header, size: header.size).hasData() { try requireClearableEnd() }
    }

    /// Throws unless what the tables have behind the end of the disk, as an interrupted change leaves it, can be given up.
    private func requireClearableEnd() throws(ImageError) {
        guard snapshots.isEmpty else {
            throw file.unsupported(
                "the image has old data behind the end of the disk, which would come to light",
                advice: "convert the image, and resize the new one")
        }
        try requireSound()
    }

    private func growth(to size: UInt64) throws(ImageError) -> QCOW2Growth {
        try requireGoodL1()
        try requireNothingBelow()
        return try QCOW2Growth(file: file, header: header, size: size)
    }

    private func requireGoodL1() throws(ImageError) {
        _ = try QCOW2Map(file: file, dataFile: nil, header: header, cipher: nil, tolerant: false)
    }

    /// Throws `inputDamaged` if a check finds errors: what the refcounts call free, or used once, may not be.
    package func requireSound() throws(ImageError) {
        var report = CheckReport()
        try check(&report)
        guard report.corruptions == 0 else {
            throw file.damaged(
                "a check finds \(report.corruptions) errors in the image",
                advice: "repair it first: v2v-convert check -r all")
        }
    }

    /// What the image stores between the end of a disk of `size` bytes and the end of the disk's last cluster, where nobody
    /// sees it until the disk grows.
    package func tailMap(behind size: UInt64) throws(ImageError) -> any DiskMap {
        var whole = header
        whole.size = size.alignedUp(to: header.clusterSize)
        let map = try QCOW2Map(file: file, dataFile: nil, header: whole, cipher: nil, tolerant: false)
        return LayeredMap(map, over: nil)
    }

    /// Makes zeros of what ``tailMap(behind:)`` has.
    /// - Throws: `inputUnsupported` if it is compressed, or anything else may have it, as a snapshot.
    package func clearTail(behind size: UInt64, output: any OutputSink) throws(ImageError) {
        let refcounts = try RefcountTable(file: file, header: header)
        let map = try tailMap(behind: size)
        var position = size
        while position < map.virtualSize {
            let extent = try map.extent(at: GuestOffset(position), limit: map.virtualSize - position)
            position += extent.length
            if extent.content == .zero { continue }
            guard snapshots.isEmpty, case .data(_, let offset) = extent.content,
                try refcounts.count(ofCluster: offset.bytes / header.clusterSize) == 1
            else {
                throw file.unsupported(
                    "the cluster in which the disk ends has old data behind that, which would come to light",
                    advice: "convert the image, and resize the new one")
            }
            try output.write([UInt8](repeating: 0, count: Int(extent.length)), at: offset)
        }
    }

    /// The bytes that the file needs: up to the end of the last cluster in use.
    package func usedFileSize() throws(ImageError) -> UInt64 {
        let table = try RefcountTable(file: file, header: header)
        for index in table.entries.indices.reversed() {
            guard let block = try table.block(index)?.counts,
                let last = (0..<block.count).last(where: { block[$0] != 0 })
            else { continue }
            return (UInt64(index) * table.clustersPerBlock + UInt64(last) + 1) * header.clusterSize
        }
        return file.size
    }

    /// Throws if the image must not be written to.
    func requireEditable() throws(ImageError) {
        try requireKnownFeatures()
        guard header.incompatible.isDisjoint(with: [.dirty, .corrupt]) else {
            throw file.damaged(
                "the image was not closed properly, or is marked corrupt", at: 72,
                advice: "repair it first: v2v-convert check -r all")
        }
    }

    /// Throws if the disk's size can't be changed.
    package func requireResizable() throws(ImageError) {
        try requireEditable()
        guard snapshots.isEmpty || header.version >= 3 else {
            throw file.unsupported(
                "an image of version 2 with internal snapshots can't be resized", advice: "delete them first")
        }
        guard snapshots.allSatisfy({ $0.extraLength >= QCOW2Snapshot.completeExtraLength }) else {
            throw file.unsupported(
                "the image has an internal snapshot that does not tell its disk's size, which would change too",
                advice: "repair it first: qemu-img check -r all")
        }
        guard header.autoclear & QCOW2Header.bitmaps == 0 || bitmaps.isEmpty else {
            throw file.unsupported(
                "the image has persistent bitmaps, which would have to be resized too",
                advice: "remove them first: qemu-img bitmap --remove")
        }
        guard !header.incompatible.contains(.externalDataFile) else {
            throw file.unsupported("an image with an external data file can't be resized here", advice: "use qemu-img")
        }
        guard header.cryptMethod == 0 else {
            throw file.unsupported("an encrypted image can't be resized here", advice: "use qemu-img")
        }
    }

    /// Throws if a backing file has anything behind the end of the disk: it would come to light.
    private func requireNothingBelow() throws(ImageError) {
        guard let backing = try openParent(), backing.info.virtualSize > header.size else { return }
        throw file.unsupported(
            "the backing file is larger than the image, which would come to show more of it",
            advice: "convert the image to one without a backing file, and resize that")
    }
}
