import ByteLayout

/// What items of a tree are ordered by.
struct BtrfsKey: Hashable, Comparable {
    var object: UInt64
    var type: UInt8
    var offset: UInt64

    /// Bytes of a key, wherever it is stored.
    static let length = 17

    /// Types of items.
    enum Kind {
        static let inode: UInt8 = 1
        static let inodeReference: UInt8 = 12
        static let extendedAttribute: UInt8 = 24
        static let directoryItem: UInt8 = 84
        static let directoryIndex: UInt8 = 96
        static let fileExtent: UInt8 = 108
        static let checksums: UInt8 = 128
        static let root: UInt8 = 132
        static let rootBackReference: UInt8 = 144
        static let rootReference: UInt8 = 156
        static let allocatedExtent: UInt8 = 168
        static let allocatedNode: UInt8 = 169
        static let chunk: UInt8 = 228
    }

    /// Objects that have the same number in every filesystem.
    enum Object {
        /// The tree that tells how often each extent and node is used, and the one with the checksums of data.
        static let extentTree: UInt64 = 2
        static let checksumTree: UInt64 = 7
        /// What all checksums of data are items of.
        static let checksums: UInt64 = 0 &- 10
        /// The subvolume that all others are below.
        static let topLevel: UInt64 = 5
        /// The directory of the tree of trees.
        static let rootDirectory: UInt64 = 6
        /// What all chunks are items of; also the root directory of each subvolume.
        static let first: UInt64 = 256
    }

    init(_ object: UInt64, _ type: UInt8, _ offset: UInt64) {
        self.object = object
        self.type = type
        self.offset = offset
    }

    init(_ bytes: [UInt8], at position: Int) {
        object = bytes.littleEndian(UInt64.self, at: position)
        type = bytes[position + 8]
        offset = bytes.littleEndian(UInt64.self, at: position + 9)
    }

    static func < (left: BtrfsKey, right: BtrfsKey) -> Bool {
        (left.object, left.type, left.offset) < (right.object, right.type, right.offset)
    }
}
