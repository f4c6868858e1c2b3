import ByteLayout
import DiskImage

extension QCOW2Snapshot {
    /// Bytes of an entry before its extra data.
    private static let fixedLength = 40

    /// Reads the snapshot table of an image.
    static func readTable(file: ImageFile, header: QCOW2Header) throws(ImageError) -> [QCOW2Snapshot] {
        guard header.snapshotCount > 0 else { return [] }
        guard header.snapshotCount <= maximumCount else {
            throw file.damaged(
                "\(header.snapshotCount) snapshots are more than QEMU's limit of \(maximumCount)", at: 60)
        }
        let start = header.snapshotsOffset
        guard start > 0, start % header.clusterSize == 0 else {
            throw file.damaged("the snapshot table is not aligned to a cluster: byte \(start)", at: 64)
        }
        var snapshots: [QCOW2Snapshot] = []
        var namesLength = 0
        var position = start
        for _ in 0..<header.snapshotCount {
            let snapshot = try read(at: position, file: file, diskSize: header.size)
            snapshots.append(snapshot)
            namesLength += snapshot.info.id.utf8.count + snapshot.info.name.utf8.count
            guard namesLength <= maximumNamesLength else {
                throw file.unsupported("the names of snapshots have more than \(maximumNamesLength) bytes")
            }
            // Behind what was read, so inside the file.
            position += snapshot.length.alignedUp(to: 8)
            guard position - start <= maximumTableLength else {
                throw file.damaged("the snapshot table is longer than \(maximumTableLength) bytes", at: start)
            }
        }
        return snapshots
    }

    /// Reads the entry at `position`, whose fields are at any alignment.
    /// - Parameter diskSize: the size of the disk if the entry, one of an old version, doesn't tell it.
    private static func read(
        at position: UInt64, file: ImageFile, diskSize: UInt64
    ) throws(ImageError) -> QCOW2Snapshot {
        let what = "snapshot table"
        let fixed = try file.read(at: position, count: fixedLength, what: what)
        let idLength = Int(fixed.bigEndian(UInt16.self, at: 12))
        let nameLength = Int(fixed.bigEndian(UInt16.self, at: 14))
        let extraLength = fixed.bigEndian(UInt32.self, at: 36)
        guard extraLength <= maximumExtraLength else {
            throw file.damaged("a snapshot with \(extraLength) bytes of extra data is impossible", at: position + 36)
        }
        let length = fixedLength + Int(extraLength) + idLength + nameLength
        let rest = try file.read(
            at: position + UInt64(fixedLength), count: length - fixedLength, what: what)
        // The extra data: 64-bit size of the saved state, size of the disk, count of instructions.
        func extra(_ index: Int) -> UInt64? {
            Int(extraLength) >= (index + 1) * 8 ? rest.bigEndian(UInt64.self, at: index * 8) : nil
        }
        let idStart = Int(extraLength)
        let info = SnapshotInfo(
            id: String(decoding: rest[idStart..<idStart + idLength], as: UTF8.self),
            name: String(decoding: rest[(idStart + idLength)...], as: UTF8.self),
            vmStateSize: extra(0) ?? UInt64(fixed.bigEndian(UInt32.self, at: 32)),
            seconds: fixed.bigEndian(UInt32.self, at: 16), nanoseconds: fixed.bigEndian(UInt32.self, at: 20),
            clockNanoseconds: fixed.bigEndian(UInt64.self, at: 24),
            // All ones: not counted.
            instructionCount: extra(2).flatMap { $0 == .max ? nil : $0 }, virtualSize: extra(1) ?? diskSize)
        return QCOW2Snapshot(
            info: info, l1TableOffset: fixed.bigEndian(UInt64.self, at: 0),
            l1Size: fixed.bigEndian(UInt32.self, at: 8), position: position, length: UInt64(length),
            extraLength: extraLength)
    }
}
