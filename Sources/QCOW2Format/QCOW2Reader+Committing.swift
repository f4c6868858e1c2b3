import ByteLayout
package import DiskImage

extension QCOW2Reader: ImageCommitter {
    package static var changesAtOnce: Bool { true }

    package func requireCommittable() throws(ImageError) {
        try requireEditable()
        guard header.cryptMethod == 0 else {
            throw file.unsupported(
                "an encrypted image can't be changed in place", at: 32,
                advice: "convert it to one that is not encrypted")
        }
        // The data file's clusters are where the disk has them, or may be: there is no second place to write to.
        guard !header.incompatible.contains(.externalDataFile) else {
            throw file.unsupported(
                "an image with an external data file can't be changed in place", at: 72,
                advice: "convert it to one without")
        }
    }

    package func prepare(
        _ changes: DiskChanges, in file: EditableFile
    ) throws(ImageError) -> (any PreparedChange)? {
        try prepare(changes, output: file)
    }

    /// Prepares `changes` of the image.
    ///
    /// Whole clusters are written, not compressed, to places that were free; what was compressed, or in the backing file, is
    /// then in the image as it is. Persistent bitmaps are given up: their autoclear bit, by which programs that know bitmaps
    /// recognise that another one has written, is cleared with the same write of the header that makes the changes valid.
    /// - Parameter output: changes ``file``, on which nobody else works.
    func prepare(_ changes: DiskChanges, output: any OutputSink) throws(ImageError) -> QCOW2Commit? {
        precondition(changes.layer.virtualSize == header.size, "the changes are those of another disk")
        try requireCommittable()
        try requireSound()
        let bitmapClusters = try bitmapClusters()
        var commit = try QCOW2Commit(
            file: file, header: header, hasBacking: backingFile != nil, changes: changes, output: output)
        guard commit.report.writtenBytes > 0 else { return nil }
        commit.report.droppedBitmaps = bitmaps.map(\.name)
        try commit.prepare(givingUp: bitmapClusters)
        return commit
    }

    /// The clusters of the persistent bitmaps, their tables and their directory, as often as they are used. The image is
    /// sound.
    private func bitmapClusters() throws(ImageError) -> [UInt64] {
        guard header.autoclear & QCOW2Header.bitmaps != 0, let directory = extensions.bitmapDirectory else { return [] }
        var clusters: [UInt64] = []
        func add(_ offset: UInt64, _ length: UInt64) {
            let first = offset / header.clusterSize
            clusters += first..<first + length.dividedUp(by: header.clusterSize)
        }
        add(directory.offset, directory.length)
        for bitmap in bitmaps {
            add(bitmap.tableOffset, UInt64(bitmap.tableCount) * 8)
            let table = QCOW2Structure.L1Table(offset: bitmap.tableOffset, count: Int(bitmap.tableCount))
            try QCOW2Structure.forEachEntry(of: table, file: file, what: "bitmap table") {
                (entry, _) throws(ImageError) in
                let offset = entry & QCOW2.offsetMask
                if offset != 0 { add(offset, header.clusterSize) }
            }
        }
        return clusters
    }
}
