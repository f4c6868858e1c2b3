/// Cylinders, heads and sectors, as a BIOS counts a disk.
struct VHDGeometry: Equatable {
    var cylinders: UInt16
    var heads: UInt8
    var sectorsPerTrack: UInt8

    /// The largest one: 127 GiB.
    static let maximum = VHDGeometry(cylinders: 65535, heads: 16, sectorsPerTrack: 255)

    /// Bytes.
    var size: UInt64 { UInt64(cylinders) * UInt64(heads) * UInt64(sectorsPerTrack) * VHD.sectorSize }
}

extension VHDGeometry {
    /// The geometry of a disk of `sectors`, or of as many of them as make whole cylinders, by the rule in the appendix of
    /// the specification.
    init(sectors: UInt64) {
        let sectors = min(sectors, Self.maximum.size / VHD.sectorSize)
        var perTrack: UInt64 = 17
        var heads = max(4, (sectors / perTrack + 1023) / 1024)
        if sectors >= 65535 * 16 * 63 {
            (perTrack, heads) = (255, 16)
        } else {
            // ATA counts 1024 cylinders of 16 heads; disks beyond that get longer tracks.
            for longer: UInt64 in [31, 63] where sectors / perTrack >= heads * 1024 || heads > 16 {
                (perTrack, heads) = (longer, 16)
            }
        }
        self.init(
            cylinders: UInt16(sectors / perTrack / heads), heads: UInt8(heads), sectorsPerTrack: UInt8(perTrack))
    }

    /// The geometry with the fewest sectors that has room for a disk of `size` bytes; the largest one if none has.
    init(enclosing size: UInt64) {
        var sectors = size / VHD.sectorSize
        self.init(sectors: sectors)
        while self.size < size, self != .maximum {
            sectors += 1
            self.init(sectors: sectors)
        }
    }
}
