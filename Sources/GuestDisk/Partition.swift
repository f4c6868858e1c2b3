package import DiskImage

/// An entry of a partition table.
package struct Partition: Equatable, Sendable {
    /// What a partition says that it is for.
    package enum Purpose: Equatable, Sendable {
        /// The type byte of an MBR.
        case mbr(UInt8)
        /// The type GUID of a GPT.
        case gpt(GUID)
    }

    /// As Linux counts: the place in the table, from 1; logical partitions of an MBR from 5.
    package var number: Int
    /// Where it is on the disk.
    package var bytes: Range<UInt64>
    package var purpose: Purpose
    /// As `/etc/fstab` has it behind `PARTUUID=`.
    package var uuid: String
    /// As `/etc/fstab` has it behind `PARTLABEL=`; empty if there is none.
    package var label = ""
    /// Whether an MBR says that the firmware boots from it.
    package var isActive = false

    /// The EFI system partition.
    package var isESP: Bool { purpose == .mbr(0xEF) || purpose == .gpt(Self.espType) }

    /// Where GRUB's core is on a GPT disk that a BIOS boots from.
    package var isBIOSBoot: Bool { purpose == .gpt(Self.biosBootType) }

    /// UEFI specification 2.10, table 5.7; the GRUB manual, "BIOS installation".
    private static let espType = GUID.known("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
    private static let biosBootType = GUID.known("21686148-6449-6e6f-744e-656564454649")
}
