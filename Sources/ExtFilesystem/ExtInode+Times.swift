import ByteLayout

/// Times are 32 bits, signed, and two bits more in a field behind the first 128 bytes, if the inode has it: enough until 2446.
extension ExtInode {
    /// Where the times are, and their additional bits.
    private enum Field {
        static let accessed = (seconds: 8, extra: 140)
        static let changed = (seconds: 12, extra: 132)
        static let modified = (seconds: 16, extra: 136)
        static let created = (seconds: 144, extra: 148)
    }

    /// Bytes of fields behind the first 128, 0 if there is no place for them.
    var extraSize: UInt16 {
        get { bytes.count > 128 ? bytes.littleEndian(UInt16.self, at: 128) : 0 }
        set { if bytes.count > 128 { bytes.storeLittleEndian(newValue, at: 128) } }
    }

    private func hasField(at offset: Int) -> Bool {
        offset + 4 <= min(bytes.count, 128 + Int(extraSize))
    }

    /// When the content was changed last, in seconds since 1970.
    var modified: Int64 {
        let seconds = Int64(bytes.littleEndian(Int32.self, at: Field.modified.seconds))
        guard hasField(at: Field.modified.extra) else { return seconds }
        return seconds + Int64(bytes.littleEndian(UInt32.self, at: Field.modified.extra) & 3) << 32
    }

    /// Makes `time`, in seconds since 1970, the time of everything that happened to the file; the nearest that there is a
    /// number for.
    mutating func setTimes(_ time: Int64) {
        for field in [Field.accessed, Field.changed, Field.modified, Field.created] {
            if field.seconds >= 128, !hasField(at: field.seconds) { continue }
            let hasExtra = hasField(at: field.extra)
            let latest = hasExtra ? Int64(Int32.max) + 3 << 32 : Int64(Int32.max)
            let time = min(max(time, Int64(Int32.min)), latest)
            let low = Int32(truncatingIfNeeded: time)
            bytes.storeLittleEndian(low, at: field.seconds)
            if hasExtra { bytes.storeLittleEndian(UInt32((time - Int64(low)) >> 32), at: field.extra) }
        }
    }
}
