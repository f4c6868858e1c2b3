import GuestDisk

/// The content of a directory, and where on the device it is.
struct Directory {
    /// Slots of 32 bytes.
    var bytes: [UInt8]
    /// The parts of the device that hold them, in order.
    var extents: [Range<UInt64>]
    /// The last cluster; nil if the directory is the root of FAT12 or FAT16, which can't grow.
    var lastCluster: UInt32?

    /// Most bytes of a directory: 65536 slots, as the specification has it.
    static let maximumSize = 65536 * ShortEntry.length

    var slotCount: Int { bytes.count / ShortEntry.length }

    func slot(_ index: Int) -> ShortEntry {
        ShortEntry(bytes: Array(bytes[index * ShortEntry.length..<(index + 1) * ShortEntry.length]))
    }

    /// Where a slot is, in bytes of the device. No slot is in two extents: all begin and end at sectors.
    func position(ofSlot index: Int) -> UInt64 {
        var rest = UInt64(index * ShortEntry.length)
        for extent in extents {
            let length = extent.upperBound - extent.lowerBound
            if rest < length { return extent.lowerBound + rest }
            rest -= length
        }
        preconditionFailure("a slot of the directory")
    }

    /// All files but the directory itself and its parent; volume labels are none.
    var entries: [DirectoryEntry] {
        var entries: [DirectoryEntry] = []
        var assembly = LongName.Assembly()
        for index in 0..<slotCount {
            guard bytes[index * ShortEntry.length] != ShortEntry.end else { break }
            let slot = slot(index)
            if slot.isInUse, slot.isPartOfLongName {
                assembly.add(slot)
                continue
            }
            if slot.isInUse, !slot.isVolumeLabel, slot.name.stored != ShortName.current.stored,
                slot.name.stored != ShortName.parent.stored,
                let name = assembly.name(for: slot) ?? slot.name.text
            {
                entries.append(
                    DirectoryEntry(
                        name: name, slots: index - assembly.slotCount(for: slot)..<index + 1, short: slot))
            }
            assembly.reset()
        }
        return entries
    }

    /// The first volume label; nil if there is none.
    var volumeLabel: ShortEntry? {
        for index in 0..<slotCount {
            let slot = slot(index)
            if slot.bytes[0] == ShortEntry.end { return nil }
            if slot.isInUse, slot.isVolumeLabel { return slot }
        }
        return nil
    }

    /// The first slot of `count` that follow each other and aren't in use; they may go beyond the end of the directory.
    func freeSlots(_ count: Int) -> Int {
        var free = 0
        for index in 0..<slotCount {
            if bytes[index * ShortEntry.length] == ShortEntry.end { return index - free }
            free = slot(index).isInUse ? 0 : free + 1
            if free == count { return index + 1 - free }
        }
        return slotCount - free
    }
}
