import ByteLayout

/// A name in UTF-16 that stands in front of a short entry, last part first, 13 units a slot.
/// ```
///   0x42 units 14 … 26 │ 0x01 units 1 … 13 │ short entry
/// ```
enum LongName {
    /// Most UTF-16 units of a name.
    static let maximumLength = 255
    static let unitsPerPart = 13
    /// Where the units of a part are in its slot.
    private static let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
    /// In the number of the part that comes first in the directory: the end of the name.
    private static let lastPart: UInt8 = 0x40
    /// Characters that no name has besides control characters.
    private static let forbidden = "\"*/:<>?\\|\u{7F}".unicodeScalars

    /// The slots that say `name` in front of an entry called `alias`, in the order of the directory.
    static func parts(of name: String, alias: ShortName) -> [[UInt8]] {
        var units = Array(name.utf16)
        let count = (units.count + unitsPerPart - 1) / unitsPerPart
        if units.count < count * unitsPerPart { units.append(0) }
        units += [UInt16](repeating: 0xFFFF, count: count * unitsPerPart - units.count)
        return (0..<count).reversed().map { index in
            var slot = [UInt8](repeating: 0, count: ShortEntry.length)
            slot[0] = UInt8(index + 1) | (index == count - 1 ? lastPart : 0)
            slot[11] = ShortEntry.Attributes.longName
            slot[13] = alias.checksum
            for (place, unit) in zip(places, units[index * unitsPerPart..<(index + 1) * unitsPerPart]) {
                slot.storeLittleEndian(unit, at: place)
            }
            return slot
        }
    }

    /// Whether a file can be given this name.
    static func isAllowed(_ name: String) -> Bool {
        !name.isEmpty && name.utf16.count <= maximumLength && !name.hasSuffix(".") && !name.hasSuffix(" ")
            && !name.unicodeScalars.contains { $0.value < 0x20 || forbidden.contains($0) }
    }

    /// What reads the parts of a name, one after the other, and forgets what doesn't belong together.
    struct Assembly {
        /// The units read so far, from the end of the name.
        private var parts: [[UInt16]] = []
        private var expected: UInt8 = 0
        private var checksum: UInt8 = 0

        mutating func add(_ slot: ShortEntry) {
            let number = slot.bytes[0] & ~lastPart
            guard (1...20).contains(number) else { return reset() }
            if slot.bytes[0] & lastPart != 0 {
                parts = []
                checksum = slot.bytes[13]
            } else {
                guard !parts.isEmpty, number == expected, slot.bytes[13] == checksum else { return reset() }
            }
            parts.append(places.map { slot.bytes.littleEndian(UInt16.self, at: $0) })
            expected = number - 1
        }

        mutating func reset() { parts = [] }

        /// How many of the slots before an entry are its own: none if parts are missing, or are another's.
        func slotCount(for entry: ShortEntry) -> Int {
            expected == 0 && checksum == entry.name.checksum ? parts.count : 0
        }

        /// The name of the entry that follows; nil if it has no parts, or they make no name.
        func name(for entry: ShortEntry) -> String? {
            guard slotCount(for: entry) > 0 else { return nil }
            let units = parts.reversed().flatMap { $0 }.prefix { $0 != 0 }
            let name = String(decoding: units, as: UTF16.self)
            guard units.count <= maximumLength, !["", ".", ".."].contains(name), !name.utf8.contains(0x2F) else {
                return nil
            }
            return name
        }
    }
}
