import Glibc
import V2VConvert

/// The list of an image's internal snapshots, as `qemu-img` prints it.
enum SnapshotTable {
    /// No lines if there are no snapshots.
    static func lines(_ snapshots: [SnapshotInfo]) -> [String] {
        guard !snapshots.isEmpty else { return [] }
        let titles = ["VM SIZE", "DATE", "VM CLOCK", "ICOUNT"]
        let head = left("ID", 10) + left("TAG", 17) + columns(titles)
        return ["Snapshot list:", head] + snapshots.map(line)
    }

    private static func line(_ snapshot: SnapshotInfo) -> String {
        let values = [
            Size.text(snapshot.vmStateSize), date(snapshot.seconds), clock(snapshot.clockNanoseconds),
            snapshot.instructionCount.map { String(Int64(bitPattern: $0)) } ?? "",
        ]
        return left(snapshot.id, 9) + " " + left(snapshot.name, 16) + " " + columns(values)
    }

    private static func columns(_ texts: [String]) -> String {
        zip(texts, [8, 20, 13, 11]).map { text, width in
            String(repeating: " ", count: max(0, width - text.utf8.count)) + text
        }.joined()
    }

    /// `text` and blanks up to `width` bytes, which is what C counts.
    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    /// In the local time zone.
    private static func date(_ seconds: UInt32) -> String {
        var time = time_t(seconds)
        var parts = unsafe tm()
        unsafe localtime_r(&time, &parts)
        // `tm` counts as unsafe for its pointer to the zone's name; only numbers are read.
        let day = unsafe [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
        let hour = unsafe [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
        return day.map { padded($0, 2) }.joined(separator: "-") + " "
            + hour.map { padded($0, 2) }.joined(separator: ":")
    }

    private static func clock(_ nanoseconds: UInt64) -> String {
        let seconds = Int(nanoseconds / 1_000_000_000)
        let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60]
        return parts.map { padded($0, 2) }.joined(separator: ":") + "."
            + padded(Int(nanoseconds / 1_000_000 % 1000), 3)
    }

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
