import ByteLayout
import DiskImage

extension Descriptor {
    /// The descriptor of a disk that is written.
    /// - Parameter contentID: bits that change when the content does.
    init(options: VMDKOptions, virtualSize: UInt64, contentID bits: (high: UInt64, low: UInt64), extents: [ExtentLine])
    {
        let adapter = options.effectiveAdapterType
        // All ones say "no parent", and the number before has been seen to mean something too.
        let identifier = min(UInt32(truncatingIfNeeded: bits.low), 0xFFFF_FFFD)
        contentID = identifier
        parentContentID = Self.noParent
        createType = options.subformat.rawValue
        self.extents = extents
        let heads: UInt64 = adapter == .ide ? 16 : 255
        let sectors: UInt64 = 63
        let cylinders = virtualSize / VMDK.sectorSize / (heads * sectors)
        database = [
            ("ddb.adapterType", adapter.rawValue),
            // ATA counts no further.
            ("ddb.geometry.cylinders", "\(adapter == .ide ? min(cylinders, 16383) : cylinders)"),
            ("ddb.geometry.heads", "\(heads)"),
            ("ddb.geometry.sectors", "\(sectors)"),
            // VMware wants its last 8 digits to be the CID.
            (
                "ddb.longContentID",
                bits.high.hexadecimalDigits + UInt32(truncatingIfNeeded: bits.low >> 32).hexadecimalDigits
                    + identifier.hexadecimalDigits
            ),
            ("ddb.virtualHWVersion", "\(options.hardwareVersion)"),
        ]
    }

    /// The text, in VMware's order of keys, which some readers rely on.
    var text: String {
        """
        # Disk DescriptorFile
        version=1
        encoding="UTF-8"
        CID=\((contentID ?? 0).hexadecimalDigits)
        parentCID=\((parentContentID ?? Self.noParent).hexadecimalDigits)
        createType="\(createType ?? "")"

        # Extent description
        \(extents.map(\.text).joined(separator: "\n"))

        # The Disk Data Base
        #DDB

        \(database.map { "\($0.key) = \"\($0.value)\"" }.joined(separator: "\n"))

        """
    }
}

extension ExtentLine {
    /// The line. Only flat extents have an offset.
    fileprivate var text: String {
        let line = "\(access.rawValue) \(sectors) \(kind.rawValue) \"\(fileName ?? "")\""
        return kind == .flat ? line + " \(offset)" : line
    }
}

extension VMDKOptions {
    fileprivate var effectiveAdapterType: AdapterType {
        adapterType ?? (subformat == .streamOptimized ? .lsilogic : .ide)
    }
}
