import Foundation
import TestSupport

/// A directory with names and sizes that are awkward for FAT, made once, that mtools copies into images.
final class AwkwardTree: Sendable {
    static let shared = Result { try AwkwardTree() }

    let directory: TemporaryDirectory
    var path: String { directory.path }

    private init() throws {
        directory = try TemporaryDirectory()
        var files: [(String, Int)] = [
            ("EFI/BOOT/BOOTX64.EFI", 70_000), ("EFI/debian/grub.cfg", 117), ("EFI/debian/shimx64.efi", 12_345),
            ("UPPER.TXT", 1), ("lower.txt", 512), ("Mixed.Txt", 511), ("lower.TXT2", 513), ("noext", 0), (".hidden", 5),
            ("name with spaces.text", 2048), ("two.dots.txt", 33),
            ("plus+comma,semi;eq=[x].t", 8),
            ("Übergrößenträger.txt", 99), ("日本語のファイル名.データ", 4096), ("emoji-😀.txt", 12),
            // mtools can't make a longer one where a cluster has 16 slots.
            (String(repeating: "n", count: 191) + ".txt", 21), ("thirteen-char", 13),
            ("twenty-six-characters-long", 26),
        ]
        for number in 0..<40 { files.append(("many/a similar long name \(number).conf", number)) }
        for (path, count) in files {
            try directory.write(bytes(count, seed: UInt8(truncatingIfNeeded: path.utf8.count)), to: path, parents: true)
        }
        // To two seconds, from 1980 on; mtools takes 2100 for a leap year.
        for (index, file) in files.enumerated() {
            var times = [timespec(tv_sec: 315_532_800 + index * 61_234_568, tv_nsec: 0), timespec()]
            times[1] = times[0]
            guard utimensat(AT_FDCWD, directory.file(file.0), times, 0) == 0 else {
                throw CocoaError(.fileWriteUnknown)
            }
        }
    }
}

/// Bytes that depend on the seed.
func bytes(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) &+ seed }
}
