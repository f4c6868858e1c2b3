import ByteLayout
import GuestDisk

/// Swap space, by the header that `mkswap` writes (`union swap_header` of Linux).
package struct SwapArea: Equatable {
    /// Nil if it has none.
    package let uuid: String?
    package let label: String?
    /// Whether it holds the memory of a machine that hibernated.
    package let isHibernated: Bool

    /// The header ends with a page, and pages differ from one architecture to another.
    private static let pageSizes = [4096, 8192, 16384, 65536]

    /// What the kernel and its programs write over the magic when they have stored the memory there.
    private static let hibernation = ["S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"]

    /// Nil if the device is none.
    init?(_ device: any BlockDevice) throws(GuestError) {
        let magics = try Self.pageSizes.filter { UInt64($0) <= device.size }.map { (size) throws(GuestError) in
            try device.read(at: UInt64(size - 10), count: 10)
        }
        isHibernated = magics.contains { magic in Self.hibernation.contains { magic.starts(with: Array($0.utf8)) } }
        let isSwap = magics.contains { $0 == Array("SWAPSPACE2".utf8) || $0 == Array("SWAP-SPACE".utf8) }
        guard isSwap || isHibernated else { return nil }
        let header = try device.read(at: 1024, count: 44)
        let identifier = header[12..<28]
        uuid = identifier.allSatisfy { $0 == 0 } ? nil : identifier.uuidText
        let name = String(decoding: header[28..<44].prefix { $0 != 0 }, as: UTF8.self)
        label = name.isEmpty ? nil : name
    }
}
