/// The form of a VHDX to write.
public struct VHDXOptions: Sendable, Equatable {
    /// How the disk is stored.
    public enum Subformat: String, Sendable, CaseIterable {
        /// Blocks that are zero are left out.
        case dynamic
        /// Every block has its place.
        case fixed
    }

    /// How the disk is stored.
    public var subformat = Subformat.dynamic
    /// Bytes of a block: a power of two from 1 to 256 MiB. 0 is what QEMU chooses: 8 MiB for disks up to 1 GiB, 16 MiB up
    /// to 100 GiB, 32 MiB up to 32 TiB, then 64 MiB.
    public var blockSize = 0
    /// Bytes of the log, in which the programs that use the disk record their changes: whole MiB.
    public var logSize = 1 << 20
    /// Whether blocks that are left out are marked as zeros (`block_state_zero`), as QEMU does, or just not present, as
    /// Hyper-V does.
    public var marksZeroBlocks = true

    /// A dynamic disk.
    public init() {}
}

extension VHDXOptions {
    /// ``blockSize``, or the choice for a disk of `virtualSize` bytes.
    func effectiveBlockSize(virtualSize: UInt64) -> UInt64 {
        guard blockSize == 0 else { return UInt64(clamping: blockSize) }
        let choices: [(upTo: UInt64, blockSize: UInt64)] = [
            (1 << 30, 8 << 20), (100 << 30, 16 << 20), (32 << 40, 32 << 20),
        ]
        return choices.first { virtualSize <= $0.upTo }?.blockSize ?? 64 << 20
    }
}
