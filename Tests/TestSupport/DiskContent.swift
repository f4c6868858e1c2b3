import Foundation
import Testing

/// What is on a test disk, made from a seed.
package struct DiskContent: Sendable, CustomTestStringConvertible {
    package var name: String
    package var size: Int
    /// The content of each 512-byte sector.
    var kind: @Sendable (Int) -> Sector

    enum Sector {
        case zero
        /// Does not compress.
        case noise
        /// Compresses like text.
        case text
    }

    package var testDescription: String { name }

    /// The disk's bytes, made once: unoptimized code takes its time.
    package func bytes() -> [UInt8] { Self.made.value(name) { generate() } }

    private static let made = Memo<[UInt8]>()

    private func generate() -> [UInt8] {
        var random = SplitMix(state: UInt64(size) &* 0x9E37_79B9 &+ 1)
        var bytes = [UInt8](repeating: 0, count: size)
        let words = Array("the quick brown fox jumps over the lazy dog and root:x:0:0:/bin/sh ".utf8)
        for start in stride(from: 0, to: size, by: 512) {
            let end = min(start + 512, size)
            switch kind(start / 512) {
            case .zero: break
            case .noise: for index in start..<end { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
            case .text:
                let shift = Int(random.next() % 61)
                for index in start..<end { bytes[index] = words[(index + shift) % words.count] }
            }
        }
        return bytes
    }

    /// Sizes that are no multiples of a cluster, a grain or 4 KiB; content of every kind.
    package static let all: [DiskContent] = [
        DiskContent(name: "empty", size: 0) { _ in .zero },
        DiskContent(name: "one sector", size: 512) { _ in .text },
        DiskContent(name: "all zero", size: (5 << 20) + 512) { _ in .zero },
        DiskContent(name: "all noise", size: (2 << 20) + 65536 + 1536) { _ in .noise },
        DiskContent(name: "alternating 4 KiB", size: (2 << 20) + 3 * 512) { $0 / 8 % 2 == 0 ? .text : .zero },
        DiskContent(name: "alternating 64 KiB", size: (4 << 20) + 4096 + 512) { $0 / 128 % 2 == 1 ? .noise : .zero },
        DiskContent(name: "alternating 512", size: (1 << 20) - 512) { $0 % 2 == 0 ? .text : .zero },
        mixed,
    ]

    /// Nothing but text.
    package static func text(size: Int) -> DiskContent { DiskContent(name: "\(size) bytes", size: size) { _ in .text } }

    /// Text, noise, holes and zeros, a last cluster that is partial, data at the very end.
    package static let mixed = DiskContent(name: "mixed", size: (9 << 20) - 512) { sector in
        switch sector / 96 % 7 {
        case 0, 1: .text
        case 2: sector % 3 == 0 ? .noise : .text
        case 3: .noise
        case 4, 5: .zero
        default: sector % 512 == 0 || sector > 18000 ? .text : .zero
        }
    }
}

extension [UInt8] {
    /// The content of a snapshot that has the sectors for which `isPresent` says so, over its parent's.
    package func over(_ parent: [UInt8], where isPresent: (_ sector: Int) -> Bool) -> [UInt8] {
        var content = parent
        for sector in 0..<count / 512 where isPresent(sector) {
            let range = sector * 512..<sector * 512 + 512
            content.replaceSubrange(range, with: self[range])
        }
        return content
    }
}

/// A small generator with a seed.
package struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    package init(state: UInt64) {
        self.state = state
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
