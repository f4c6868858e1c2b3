/// Hyper-V's virtual hard disk, version 2. All integers are little-endian.
/// ```
///  0 KiB         64       128      192            256            1 MiB
///  identifier  │ header │ header │ region table │ region table │ log, metadata, BAT, blocks, each at a whole MiB
/// ```
/// The newer header counts. Tables change through the log; a file that was not closed has a log to be replayed.
/// Source of the facts: Microsoft's open specification MS-VHDX.
enum VHDX {
    static let signature = Array("vhdxfile".utf8)
    /// The program that wrote the file, in UTF-16.
    static let creator = "v2v-convert".utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    static let headerPositions: [UInt64] = [64 << 10, 128 << 10]
    static let headerLength = 4096
    static let regionTablePositions: [UInt64] = [192 << 10, 256 << 10]
    static let regionTableLength = 64 << 10
    /// The part of the file that has the structures above. Everything else starts behind it.
    static let headerSectionLength = UInt64(1) << 20
    /// What the log, regions and blocks are aligned to.
    static let alignment = UInt64(1) << 20
    /// Most entries of a region table or metadata table.
    static let maximumTableEntries = 2047
    /// Most bytes of a disk: 64 TiB.
    static let maximumSize = UInt64(64) << 40
    /// What a block of the sector bitmap describes, in sectors: its 1 MiB has a bit for each.
    static let sectorsPerChunk = UInt64(1) << 23

    /// Blocks of the disk that one block of the sector bitmap describes.
    static func chunkRatio(blockSize: UInt64, sectorSize: UInt64) -> Int {
        Int(sectorsPerChunk * sectorSize / blockSize)
    }

    /// Where in the table the entry of a block of the disk is: the sector bitmap's stand between them.
    static func tableIndex(ofBlock block: Int, chunkRatio: Int) -> Int { block + block / chunkRatio }

    /// Entries of the table of a disk without parent, which ends with the last block.
    static func tableCount(blocks: Int, chunkRatio: Int) -> Int {
        blocks == 0 ? 0 : tableIndex(ofBlock: blocks - 1, chunkRatio: chunkRatio) + 1
    }
}
