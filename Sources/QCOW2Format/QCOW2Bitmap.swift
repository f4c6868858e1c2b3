/// A persistent dirty bitmap.
struct QCOW2Bitmap {
    var name: String
    /// A bit stands for `1 << granularityBits` bytes of the disk.
    var granularityBits: UInt8
    var flags: Flags
    /// Where the table is that tells where the bits are.
    var tableOffset: UInt64
    /// Its entries.
    var tableCount: UInt32

    struct Flags: OptionSet {
        let rawValue: UInt32
        /// It was not stored properly; its bits mean nothing.
        static let inUse = Flags(rawValue: 1 << 0)
        /// QEMU records writes in it as soon as the image is opened.
        static let auto = Flags(rawValue: 1 << 1)
    }

    /// QEMU's limits of the granularity.
    static let granularityBits: ClosedRange<UInt8> = 9...31

    /// What QEMU calls the flags.
    var flagNames: [String] {
        (flags.contains(.inUse) ? ["in-use"] : []) + (flags.contains(.auto) ? ["auto"] : [])
    }
}
