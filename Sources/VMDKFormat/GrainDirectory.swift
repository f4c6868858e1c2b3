import ByteLayout
import DiskImage

/// The grain directory of an extent: the sector of each grain table, 0 for an absent one.
struct GrainDirectory {
    /// Byte offset of the directory.
    let offset: UInt64
    let tables: [UInt32]

    /// Reads the directory at byte `offset` of `file`.
    init(file: ImageFile, offset: UInt64, layout: GrainLayout) throws(ImageError) {
        guard offset > 0 else { throw file.damaged("the grain directory is not inside the file: byte 0") }
        let count = layout.directoryEntries
        let bytes = try file.read(at: offset, count: count * 4, what: "grain directory")
        self.offset = offset
        tables = (0..<count).map { bytes.littleEndian(UInt32.self, at: $0 * 4) }
    }

    /// Throws unless table number `index`, which is not absent, lies inside the file.
    func requireInside(_ index: Int, file: ImageFile, layout: GrainLayout) throws(ImageError) {
        let start = UInt64(tables[index]) * VMDK.sectorSize
        guard start <= file.size, layout.tableLength <= file.size - start else {
            throw file.damaged(
                "grain table \(index) is not inside the file: sector \(tables[index])", at: offset + UInt64(index) * 4)
        }
    }
}
