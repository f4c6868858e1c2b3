import TestSupport
import Testing

/// A change to a qcow2 image that a check must find.
struct CheckDamage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Whether the guest's disk is still there, once the image is repaired.
    var keepsContent: Bool
    var image: @Sendable () throws -> DamagedImage

    init(
        _ name: String, keepsContent: Bool = true,
        _ image: @escaping @Sendable () throws -> DamagedImage = { try .qcow2() },
        _ change: @escaping @Sendable (inout DamagedImage) -> Void
    ) {
        testDescription = name
        self.keepsContent = keepsContent
        self.image = {
            var changed = try image()
            change(&changed)
            return changed
        }
    }

    /// Clusters whose refcounts are changed, and to what.
    private static func refcount(
        _ name: String, _ count: UInt16, of cluster: @escaping @Sendable (DamagedImage) -> Int
    ) -> CheckDamage {
        CheckDamage("the refcount of \(name) is \(count)") { image in
            let block = Int(image.bigEndian(at: image.refcountTable))
            image.bytes.storeBigEndian(count, at: block + cluster(image) * 2)
        }
    }

    private static func flip(
        _ bit: UInt64, of name: String, keepsContent: Bool = true, at entry: @escaping @Sendable (DamagedImage) -> Int
    ) -> CheckDamage {
        CheckDamage("bit \(bit) of \(name)", keepsContent: keepsContent) { image in
            image.set64(image.bigEndian(at: entry(image)) ^ 1 << bit, bigEndianAt: entry(image))
        }
    }

    /// What qemu-img finds, counts and, as far as it can be, repairs in the same way.
    static let all: [CheckDamage] =
        [
            refcount("data", 2) { $0.usedCluster }, refcount("data", 9) { $0.usedCluster },
            refcount("the L1 table", 2) { $0.l1 >> 16 }, refcount("an L2 table", 3) { $0.l2 >> 16 },
            refcount("a refcount block", 2) { Int($0.bigEndian(at: $0.refcountTable)) >> 16 },
            refcount("nothing", 1) { $0.bytes.count >> 16 },
            flip(63, of: "an L1 entry") { $0.l1 }, flip(58, of: "an L1 entry") { $0.l1 },
            flip(1, of: "an L1 entry") { $0.l1 }, flip(63, of: "an L2 entry") { $0.usedL2Entry },
            flip(57, of: "an L2 entry") { $0.usedL2Entry }, flip(3, of: "an L2 entry") { $0.usedL2Entry },
            flip(9, of: "an L2 entry", keepsContent: false) { $0.usedL2Entry },
            flip(50, of: "an L2 entry", keepsContent: false) { $0.usedL2Entry },
            CheckDamage("an L2 entry is lost", keepsContent: false) { $0.set64(0, bigEndianAt: $0.usedL2Entry) },
            CheckDamage("an L1 entry is lost", keepsContent: false) { $0.set64(0, bigEndianAt: $0.l1) },
            CheckDamage("two L2 entries name a cluster", keepsContent: false) {
                $0.set64($0.bigEndian(at: $0.usedL2Entry), bigEndianAt: $0.usedL2Entry + 8)
            },
            CheckDamage("a zero cluster is not aligned", keepsContent: false) {
                $0.set64(($0.bigEndian(at: $0.usedL2Entry) | 1) ^ 512, bigEndianAt: $0.usedL2Entry)
            },
            CheckDamage("clusters at the end are leaked") {
                let clusters = $0.bytes.count >> 16
                $0.bytes += [UInt8](repeating: 0, count: 2 << 16)
                let block = Int($0.bigEndian(at: $0.refcountTable))
                for cluster in clusters..<clusters + 2 { $0.bytes.storeBigEndian(UInt16(1), at: block + cluster * 2) }
            },
            CheckDamage("the dirty bit") { $0.bytes[79] ^= 1 }, CheckDamage("the corrupt bit") { $0.bytes[79] ^= 2 },
            CheckDamage("a compressed entry is marked as copied", keepsContent: false, { try .qcow2(compress: true) }) {
                $0.bytes[$0.usedL2Entry] ^= 0x80
            },
            CheckDamage("subclusters without a cluster", keepsContent: false, { try .qcow2("extended_l2=on") }) {
                $0.set64(0, bigEndianAt: $0.usedL2Entry)
            },
            CheckDamage("subclusters zero and allocated", keepsContent: false, { try .qcow2("extended_l2=on") }) {
                $0.set64(.max, bigEndianAt: $0.usedL2Entry + 8)
            },
            CheckDamage("a snapshot's L1 table is not aligned", keepsContent: false, { try .qcow2Snapshot() }) {
                $0.set64($0.bigEndian(at: $0.snapshotTable) ^ 512, bigEndianAt: $0.snapshotTable)
            },
            CheckDamage("a snapshot is forgotten", { try .qcow2Snapshot() }) { $0.set32(0, bigEndianAt: 60) },
            CheckDamage("an L2 entry that a snapshot shares", keepsContent: false, { try .qcow2Snapshot() }) {
                $0.set64(0, bigEndianAt: $0.usedL2Entry)
            },
            CheckDamage("bitmaps are out of date", { try .qcow2Bitmap() }) { $0.bytes[95] &= ~1 },
        ]

    /// Damages of the refcounts that only new refcounts repair.
    static let rebuilt: [CheckDamage] = [
        refcount("data", 0) { $0.usedCluster }, refcount("the header", 0) { _ in 0 },
        refcount("the L1 table", 0) { $0.l1 >> 16 },
        refcount("a refcount block", 0) { Int($0.bigEndian(at: $0.refcountTable)) >> 16 },
        CheckDamage("the refcount table is empty") { $0.set64(0, bigEndianAt: $0.refcountTable) },
        CheckDamage("a refcount block is named twice") {
            $0.set64($0.bigEndian(at: $0.refcountTable), bigEndianAt: $0.refcountTable + 8)
        },
        CheckDamage("a refcount block is the L1 table") { $0.set64(UInt64($0.l1), bigEndianAt: $0.refcountTable) },
        CheckDamage("a refcount block has reserved bits") { $0.bytes[$0.refcountTable + 7] ^= 1 },
        CheckDamage("all refcounts are gone from an image with a snapshot", { try .qcow2Snapshot() }) {
            $0.set64(0, bigEndianAt: $0.refcountTable)
        },
        CheckDamage("all refcounts are gone from a compressed image", { try .qcow2(compress: true) }) {
            $0.set64(0, bigEndianAt: $0.refcountTable)
        },
        CheckDamage("all refcounts are gone from an image with a bitmap", { try .qcow2Bitmap() }) {
            $0.set64(0, bigEndianAt: $0.refcountTable)
        },
    ]
}

extension DamagedImage {
    var refcountTable: Int { Int(bigEndian(at: 48)) }
    /// The host cluster of ``usedL2Entry``.
    var usedCluster: Int { Int(bigEndian(at: usedL2Entry) & 0x00FF_FFFF_FFFF_FE00) >> 16 }
}
