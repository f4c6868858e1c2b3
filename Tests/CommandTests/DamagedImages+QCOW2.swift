import TestSupport

extension DamagedImage {
    /// An image with a snapshot of id 1.
    static func qcow2Snapshot() throws -> DamagedImage {
        try qcow2().changed { try Tool.check("qemu-img", ["snapshot", "-c", "first", $0]) }
    }

    /// An image with a bitmap.
    static func qcow2Bitmap() throws -> DamagedImage {
        try qcow2().changed { try Tool.check("qemu-img", ["bitmap", "--add", $0, "first"]) }
    }

    private func changed(_ change: (String) throws -> Void) throws -> DamagedImage {
        let directory = try TemporaryDirectory()
        let image = try directory.write(bytes, to: "image")
        try change(image)
        return DamagedImage(bytes: try contents(of: image), format: format)
    }

    var snapshotTable: Int { Int(bigEndian(at: 64)) }

    /// Position of the bitmaps' header extension's data.
    var bitmapExtension: Int {
        let type: [UInt8] = [0x23, 0x85, 0x28, 0x75]
        return (bytes[..<1024].indices.first { bytes[$0..<$0 + 4].elementsEqual(type) } ?? 0) + 8
    }
    var bitmapDirectory: Int { Int(bigEndian(at: bitmapExtension + 16)) }
}

extension Damage {
    /// Each is also refused without reading the snapshot, except where only its own table is wrong.
    static let qcow2Snapshots: [Damage] = {
        let snapshot: @Sendable () throws -> DamagedImage = { try .qcow2Snapshot() }
        let damages: [Damage] = [
            Damage("snapshots: 2^32 of them", snapshot) { $0.set32(.max, bigEndianAt: 60) },
            Damage("snapshots: more than QEMU takes", snapshot) { $0.set32(65537, bigEndianAt: 60) },
            Damage("snapshots: more than the file holds", snapshot) { $0.set32(65536, bigEndianAt: 60) },
            Damage("snapshots: table is the header", snapshot) { $0.set64(0, bigEndianAt: 64) },
            Damage("snapshots: table not aligned", snapshot) {
                $0.set64(UInt64($0.snapshotTable) + 8, bigEndianAt: 64)
            },
            Damage("snapshots: table past the end", snapshot) { $0.set64(1 << 40, bigEndianAt: 64) },
            Damage("snapshots: cut inside the table", snapshot) { $0.cut(to: $0.snapshotTable + 50) },
            Damage("snapshots: 4 GiB of extra data", snapshot) { $0.set32(.max, bigEndianAt: $0.snapshotTable + 36) },
            Damage("snapshots: L1 table past the end", snapshot) {
                $0.set64(1 << 40, bigEndianAt: $0.snapshotTable)
            },
            Damage("snapshots: L1 table not aligned", snapshot) {
                $0.set64($0.bigEndian(at: $0.snapshotTable) + 512, bigEndianAt: $0.snapshotTable)
            },
            Damage("snapshots: L1 table is the header", snapshot) { $0.set64(0, bigEndianAt: $0.snapshotTable) },
            Damage("snapshots: L1 table is the refcount table", snapshot) {
                $0.set64($0.bigEndian(at: 48), bigEndianAt: $0.snapshotTable)
            },
            Damage("snapshots: no L1 entries", snapshot) { $0.set32(0, bigEndianAt: $0.snapshotTable + 8) },
            Damage("snapshots: 2^32 L1 entries", snapshot) { $0.set32(.max, bigEndianAt: $0.snapshotTable + 8) },
            Damage("snapshots: impossible size", snapshot) { $0.set64(.max, bigEndianAt: $0.snapshotTable + 48) },
            Damage("snapshots: size beyond the L1 table", snapshot) {
                $0.set64(1 << 40, bigEndianAt: $0.snapshotTable + 48)
            },
        ]
        return damages
    }()

    static let qcow2Bitmaps: [Damage] = {
        let bitmap: @Sendable () throws -> DamagedImage = { try .qcow2Bitmap() }
        let damages: [Damage] = [
            Damage("bitmaps: 2^32 of them", bitmap) { $0.set32(.max, bigEndianAt: $0.bitmapExtension) },
            Damage("bitmaps: more than the directory has", bitmap) { $0.set32(2, bigEndianAt: $0.bitmapExtension) },
            Damage("bitmaps: impossible directory", bitmap) { $0.set64(.max, bigEndianAt: $0.bitmapExtension + 8) },
            Damage("bitmaps: directory past the end", bitmap) {
                $0.set64(1 << 40, bigEndianAt: $0.bitmapExtension + 16)
            },
            Damage("bitmaps: directory not aligned", bitmap) {
                $0.set64(UInt64($0.bitmapDirectory) + 8, bigEndianAt: $0.bitmapExtension + 16)
            },
            Damage("bitmaps: impossible granularity", bitmap) { $0.bytes[$0.bitmapDirectory + 17] = 77 },
            Damage("bitmaps: name past the directory", bitmap) { image in
                image.bytes.replaceSubrange(
                    image.bitmapDirectory + 18..<image.bitmapDirectory + 20, with: [0xFF, 0xFF])
            },
            Damage("bitmaps: 4 GiB of extra data", bitmap) { $0.set32(.max, bigEndianAt: $0.bitmapDirectory + 20) },
        ]
        return damages
    }()
}
