/// Blocks of a file that follow each other on the device too.
struct BlockRun: Equatable {
    /// Number of the first within the file.
    var logical: UInt64
    /// Number of the first within the filesystem.
    var physical: UInt64
    var count: UInt64
    /// False if the blocks are only reserved: their content is zeros.
    var isWritten: Bool

    var end: UInt64 { logical + count }
}
