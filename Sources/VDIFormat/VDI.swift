/// VirtualBox's virtual disk image. All integers are little-endian.
/// ```
///  header │ block map: a number for each block of the disk │ blocks, in the order in which they were first written
/// ```
/// Source of the facts: images written by VirtualBox and QEMU.
enum VDI {
    /// At byte 64, behind a line of text.
    static let signature: [UInt8] = [0x7F, 0x10, 0xDA, 0xBE]
    static let signatureOffset = 64
    static let version: UInt32 = 0x0001_0001
    /// Bytes of the header that are read.
    static let headerLength = 456
    /// QEMU's limit of a disk: 2 GiB of map, which is 512 TiB in blocks of 1 MiB.
    static let maximumBlocks: UInt32 = 0x1FFF_FF80
}
