/// A name in a directory, and the inode that it is of.
struct DirectoryEntry: Equatable {
    var name: [UInt8]
    var inode: UInt64

    /// Whether it is the directory itself or its parent.
    var isDot: Bool { name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] }
}
