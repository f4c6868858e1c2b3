/// The form of a VMDK to write.
public struct VMDKOptions: Sendable, Equatable {
    /// VMware's name of the form (`createType`).
    public enum Subformat: String, Sendable, CaseIterable {
        /// One file that grows with the data.
        case monolithicSparse
        /// A descriptor, and one file with the bytes of the disk.
        case monolithicFlat
        /// A descriptor, and sparse files of 2 GiB of disk each.
        case twoGbMaxExtentSparse
        /// A descriptor, and flat files of 2 GiB of disk each.
        case twoGbMaxExtentFlat
        /// One compressed file, for transport: what OVAs contain and VMware's products import.
        case streamOptimized
    }

    /// The virtual controller, as the descriptor names it.
    public enum AdapterType: String, Sendable, CaseIterable {
        case ide
        case buslogic
        case lsilogic
        case legacyESX
        case pvscsi
    }

    /// The form.
    public var subformat = Subformat.monolithicSparse
    /// The virtual controller; nil for lsilogic in a streamOptimized image, which VMware's products import, and ide, as
    /// QEMU has it, in the others.
    public var adapterType: AdapterType?
    /// The version of VMware's virtual hardware, 1 or more. 4 is what QEMU writes and everything reads.
    public var hardwareVersion = 4
    /// Whether programs that write to the image may mark grains as zero (`zeroed_grain`), of sparse forms: version 2 of the
    /// header, which VMware's programs don't know.
    public var allowsZeroedGrains = false

    /// One sparse file.
    public init() {}
}

extension VMDKOptions {
    /// Whether extents have the bytes of the disk and nothing else.
    package var isFlat: Bool { subformat == .monolithicFlat || subformat == .twoGbMaxExtentFlat }
    /// Bytes of a grain of the other forms.
    package var grainSize: Int { Int(SparseHeader.writtenGrain * VMDK.sectorSize) }
}
