import DiskImage
import Foundation
import GuestDisk
import TestSupport

/// A raw disk, what is to become of it, and an overlay with the difference. What is expected is made by nothing but changing
/// bytes of a file.
final class ChangedDisk {
    /// The raw disk as it was, and as it will be.
    let before: String
    let after: String
    private let overlay: OverlayDevice

    /// - Parameters:
    ///   - raw: the disk as it is, which independent code has made of the image.
    ///   - count: random blocks that change, the last of the disk in any case, and one that becomes zeros.
    init(_ raw: String, seed: UInt64, count: Int = 3) throws {
        before = raw
        after = raw + ".after"
        var random = SplitMix(state: seed)
        var bytes = try contents(of: raw)
        overlay = try OverlayDevice(over: MemoryDevice(bytes))
        let blocks = bytes.count / OverlayDevice.blockSize
        var changes = (0..<count).map { _ in
            let block = Int.random(in: 0..<blocks, using: &random)
            // Where a filesystem would write only a part of a block.
            let start = block * OverlayDevice.blockSize + Int.random(in: 0..<3000, using: &random)
            return (
                start,
                (0..<Int.random(in: 1..<6000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            )
        }
        changes.append((Int.random(in: 0..<blocks, using: &random) * 4096, [UInt8](repeating: 0, count: 4096)))
        changes.append((bytes.count - 700, (0..<700).map { UInt8(truncatingIfNeeded: $0 + Int(seed) + 1) }))
        for (start, content) in changes {
            let content = Array(content.prefix(bytes.count - start))
            bytes.replaceSubrange(start..<start + content.count, with: content)
            try overlay.write(content, at: UInt64(start))
        }
        try Tool.write(bytes, to: after)
    }

    /// The changes.
    func layer() throws -> any DiskMap { try overlay.layer() }
}
