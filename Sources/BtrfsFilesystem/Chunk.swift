import ByteLayout
import GuestDisk

/// A range of the logical addresses that nodes and extents are known by, and where it is on the device.
struct Chunk {
    /// Logical addresses.
    var range: Range<UInt64>
    /// Where each copy begins on the device, in bytes.
    var copies: [UInt64]

    /// Bytes of an item with no stripes, and of a stripe.
    static let headerLength = 48
    static let stripeLength = 32

    /// Ways to put data on devices other than as it is: RAID0, RAID10, RAID5, RAID6.
    private static let stripedProfiles: [(bit: UInt64, name: String)] = [
        (1 << 3, "RAID0"), (1 << 6, "RAID10"), (1 << 7, "RAID5"), (1 << 8, "RAID6"),
    ]

    /// Reads an item; what is behind it in `bytes` is of no interest.
    /// - Throws: `unsupported` if the data is striped.
    init(logical: UInt64, _ bytes: [UInt8], deviceID: UInt64, deviceSize: UInt64) throws(GuestError) {
        func damaged() -> GuestError { GuestError(.damaged, "the chunk at logical address \(logical) is damaged") }
        guard bytes.count >= Self.headerLength else { throw damaged() }
        let length = bytes.littleEndian(UInt64.self, at: 0)
        let type = bytes.littleEndian(UInt64.self, at: 24)
        let stripes = Self.stripeCount(bytes)
        let (end, overflow) = logical.addingReportingOverflow(length)
        guard !overflow, length > 0, stripes > 0, bytes.count >= Self.headerLength + stripes * Self.stripeLength else {
            throw damaged()
        }
        // RAID0 on one device is as it is.
        if let striped = Self.stripedProfiles.first(where: { type & $0.bit != 0 }),
            stripes > 1 || striped.name != "RAID0"
        {
            throw GuestError(.unsupported, "the btrfs filesystem has chunks in \(striped.name), which can't be read")
        }
        range = logical..<end
        copies = []
        for stripe in 0..<stripes {
            let position = Self.headerLength + stripe * Self.stripeLength
            guard bytes.littleEndian(UInt64.self, at: position) == deviceID else { continue }
            let offset = bytes.littleEndian(UInt64.self, at: position + 8)
            guard offset <= deviceSize, length <= deviceSize - offset else { throw damaged() }
            copies.append(offset)
        }
        guard !copies.isEmpty else { throw damaged() }
    }

    static func stripeCount(_ bytes: [UInt8]) -> Int { Int(bytes.littleEndian(UInt16.self, at: 44)) }
}
