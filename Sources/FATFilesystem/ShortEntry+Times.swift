import ByteLayout

/// Times of the clock on the wall, to two seconds, from 1980 to 2107. They are taken as UTC: nothing tells the zone.
extension ShortEntry {
    private static let secondsPerDay: Int64 = 86400

    /// Seconds since 1970.
    var modified: Int64 {
        let time = Int64(bytes.littleEndian(UInt16.self, at: 22))
        let date = Int64(bytes.littleEndian(UInt16.self, at: 24))
        // Days and months that there aren't count as the first or last: nobody checks what is stored.
        let month = min(max(date >> 5 & 0xF, 1), 12)
        let days = Self.days(year: 1980 + date >> 9, month: month, day: max(date & 0x1F, 1))
        return days * Self.secondsPerDay + (time >> 11) * 3600 + (time >> 5 & 0x3F) * 60 + (time & 0x1F) * 2
    }

    /// Sets all times of the entry: creation, last access, modification.
    mutating func setTimes(_ seconds: Int64) {
        let first = Self.days(year: 1980, month: 1, day: 1) * Self.secondsPerDay
        let last = Self.days(year: 2108, month: 1, day: 1) * Self.secondsPerDay - 2
        let seconds = min(max(seconds, first), last)
        let (year, month, day) = Self.date(days: seconds / Self.secondsPerDay)
        let date = UInt16((year - 1980) << 9 | month << 5 | day)
        let ofDay = seconds % Self.secondsPerDay
        let time = UInt16((ofDay / 3600) << 11 | (ofDay / 60 % 60) << 5 | (ofDay % 60 / 2))
        // Creation is known to 10 ms, of which there are 100 in an odd second.
        bytes[13] = UInt8(ofDay % 2 * 100)
        bytes.storeLittleEndian(time, at: 14)
        bytes.storeLittleEndian(date, at: 16)
        bytes.storeLittleEndian(date, at: 18)
        bytes.storeLittleEndian(time, at: 22)
        bytes.storeLittleEndian(date, at: 24)
    }

    /// Days from 1970 to a date of the Gregorian calendar. Years begin in March here, so that leap days come last.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468
    }

    /// The date that `days` lead to: the last one that isn't behind it.
    private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        var year = 1970 + days / 366
        while self.days(year: year + 1, month: 1, day: 1) <= days { year += 1 }
        var month: Int64 = 1
        while month < 12, self.days(year: year, month: month + 1, day: 1) <= days { month += 1 }
        return (year, month, days - self.days(year: year, month: month, day: 1) + 1)
    }
}
