/// One 32-bit entry of a grain table.
struct GrainTableEntry: Equatable {
    var rawValue: UInt32

    /// Not allocated: zero, or what the parent has.
    var isUnallocated: Bool { rawValue == 0 }
    /// Zeroed by the guest. Sector 1 can never hold a grain, so this means zero even where the header's flag for zeroed
    /// grains is missing.
    var isZeroed: Bool { rawValue == 1 }
    var isAllocated: Bool { rawValue > 1 }
    /// Where the grain, or its marker, starts in the file, in bytes.
    var hostOffset: UInt64 { UInt64(rawValue) * VMDK.sectorSize }
}
