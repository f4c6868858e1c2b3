import DiskImage

/// How often L1 tables name an L2 table.
struct L2TableUse {
    /// Where in the file the table is: bits 9 to 55 of the L1 entries.
    var offset: UInt64
    /// Entries of the active L1 table.
    var active: UInt32
    /// Entries of snapshots' L1 tables.
    var inactive: UInt32

    /// All of them.
    var count: UInt64 { UInt64(active) + UInt64(inactive) }

    /// Adds the uses that `other` counts of the same table, as far as there are numbers for them: only snapshots by the
    /// thousand that are all damaged in the same way come near.
    fileprivate mutating func add(_ other: L2TableUse) {
        active += other.active
        let sum = inactive.addingReportingOverflow(other.inactive)
        inactive = sum.overflow ? .max : sum.partialValue
    }
}

/// The L2 tables of an image, each once however many snapshots share it: so each is read once.
struct L2TableUses {
    /// In the order of the file, once ``finish(file:clusterSize:)`` has been called.
    private(set) var tables: [L2TableUse] = []

    /// Most different tables: 32 MiB of memory. In clusters of 64 KiB they describe a PiB.
    private static let maximumCount = 2 << 20
    /// Uses that are collected before equal ones are joined.
    private static let bufferCount = 3 << 20
    /// Most tables that do not start at a cluster. What is there is no table, most likely; but the image may be all but
    /// such entries, and each costs as much as a table.
    private static let maximumUnaligned = 256

    /// - Parameter expected: how many uses will come.
    init(expected: UInt64) {
        tables.reserveCapacity(Int(min(expected, UInt64(Self.bufferCount))))
    }

    mutating func add(_ use: L2TableUse, file: ImageFile) throws(ImageError) {
        if tables.count == Self.bufferCount {
            join()
            guard tables.count <= Self.maximumCount else {
                throw file.unsupported("the image has more than \(Self.maximumCount) L2 tables")
            }
        }
        tables.append(use)
    }

    mutating func finish(file: ImageFile, clusterSize: UInt64) throws(ImageError) {
        join()
        guard tables.count <= Self.maximumCount else {
            throw file.unsupported("the image has more than \(Self.maximumCount) L2 tables")
        }
        guard tables.count(where: { $0.offset % clusterSize != 0 }) <= Self.maximumUnaligned else {
            throw file.damaged("more than \(Self.maximumUnaligned) L1 entries are not aligned to a cluster")
        }
    }

    /// Makes one of those for the same table.
    private mutating func join() {
        tables.sort { $0.offset < $1.offset }
        var count = 0
        for index in tables.indices {
            let use = tables[index]
            if count > 0, tables[count - 1].offset == use.offset {
                tables[count - 1].add(use)
            } else {
                tables[count] = use
                count += 1
            }
        }
        tables.removeLast(tables.count - count)
    }
}
