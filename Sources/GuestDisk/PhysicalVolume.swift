import ByteLayout

/// An LVM2 physical volume: a device that has a label, and metadata in text of the volume group that it belongs to.
/// ```
///   sector 0 to 3                  4096 usually           pe_start
///   │ … │ LABELONE, PV header │ … │ metadata area: header, ring of texts │ extents …
/// ```
/// Facts from LVM2's public headers (`lib/label/label.h`, `lib/format_text/layout.h`).
package struct PhysicalVolume {
    /// 32 characters, as they are stored: without the hyphens that tools print.
    package let uuid: String
    package let device: any BlockDevice
    /// The group's metadata, a text for each area; LVM writes them in turns, so one may be older. Empty if this volume keeps none
    /// (others of the group do).
    package let metadata: [String]

    private static let sectorSize: UInt64 = 512
    private static let labelMagic = Array("LABELONE".utf8)
    private static let labelType = Array("LVM2 001".utf8)
    private static let areaMagic = Array(" LVM2 x[5A%r0N*>".utf8)
    /// LVM's own default is 1 MiB; groups of hundreds of volumes have several.
    private static let maximumMetadata: UInt64 = 16 << 20
    /// Bytes of the header of a metadata area.
    private static let areaHeaderLength = 512

    /// Nil if the device is none.
    package init?(_ device: any BlockDevice) throws(GuestError) {
        guard let label = try Self.label(of: device) else { return nil }
        let headerOffset = Int(label.littleEndian(UInt32.self, at: 20))
        guard headerOffset + 40 <= label.count else {
            throw GuestError(.damaged, "the label of an LVM physical volume is damaged")
        }
        self.device = device
        uuid = String(decoding: label[headerOffset..<headerOffset + 32], as: UTF8.self)
        let data = Self.areas(label, from: headerOffset + 40)
        let areas = Self.areas(label, from: headerOffset + 40 + (data.count + 1) * 16)
        var texts: [String] = []
        var problem: GuestError?
        for area in areas {
            do throws(GuestError) {
                if let text = try Self.text(in: area, of: device) { texts.append(text) }
            } catch {
                problem = error
            }
        }
        // One copy is enough, as it is for LVM.
        if texts.isEmpty, let problem { throw problem }
        metadata = texts
    }

    /// The sector that has the label, one of the first four.
    private static func label(of device: any BlockDevice) throws(GuestError) -> [UInt8]? {
        for sector in 0..<UInt64(4) where (sector + 1) * sectorSize <= device.size {
            let bytes = try device.read(at: sector * sectorSize, count: Int(sectorSize))
            guard bytes.starts(with: labelMagic), bytes[24..<32].elementsEqual(labelType),
                bytes.littleEndian(UInt64.self, at: 8) == sector
            else { continue }
            guard checksum(bytes[20...]) == bytes.littleEndian(UInt32.self, at: 16) else {
                throw GuestError(.damaged, "the label of an LVM physical volume has a wrong checksum")
            }
            return bytes
        }
        return nil
    }

    /// A list of areas, each an offset and a size in bytes, up to one of zeros.
    private static func areas(_ label: [UInt8], from start: Int) -> [(offset: UInt64, size: UInt64)] {
        var areas: [(offset: UInt64, size: UInt64)] = []
        var position = start
        while position + 16 <= label.count {
            let offset = label.littleEndian(UInt64.self, at: position)
            guard offset != 0 else { break }
            areas.append((offset, label.littleEndian(UInt64.self, at: position + 8)))
            position += 16
        }
        return areas
    }

    /// The text that the area's header points to; nil if it is marked to be ignored, or has none.
    private static func text(
        in area: (offset: UInt64, size: UInt64), of device: any BlockDevice
    ) throws(GuestError) -> String? {
        let header = try device.read(at: area.offset, count: areaHeaderLength)
        guard header[4..<20].elementsEqual(areaMagic), checksum(header[4...]) == header.littleEndian(UInt32.self, at: 0)
        else { throw GuestError(.damaged, "the metadata area of an LVM physical volume is damaged") }
        let offset = header.littleEndian(UInt64.self, at: 40)
        let length = header.littleEndian(UInt64.self, at: 48)
        let isIgnored = header.littleEndian(UInt32.self, at: 60) & 1 == 1
        guard !isIgnored, length > 0 else { return nil }
        guard area.size <= device.size, offset >= UInt64(areaHeaderLength), offset < area.size,
            length <= area.size - UInt64(areaHeaderLength), length <= maximumMetadata
        else { throw GuestError(.damaged, "the metadata of an LVM volume group is not inside its area") }
        // A ring: what doesn't fit before the end of the area goes on behind its header.
        let first = min(length, area.size - offset)
        var bytes = try device.read(at: area.offset + offset, count: Int(first))
        bytes += try device.read(at: area.offset + UInt64(areaHeaderLength), count: Int(length - first))
        guard checksum(bytes[...]) == header.littleEndian(UInt32.self, at: 56) else {
            throw GuestError(.damaged, "the metadata of an LVM volume group has a wrong checksum")
        }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// LVM's CRC-32 begins with a number of its own, and the end is not inverted.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        CRC32.update(0xF597_A6CF, bytes)
    }
}
