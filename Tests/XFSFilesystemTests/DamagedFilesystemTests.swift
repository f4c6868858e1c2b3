import ByteLayout
import Foundation
import GuestDisk
import TestSupport
import Testing

@testable import XFSFilesystem

/// Whatever bytes are wrong: there is an answer or an error, soon, and never a crash.
@Suite(.enabled(if: Capabilities.has("mkfs.xfs") && Capabilities.has("xfs_db")), .timeLimit(.minutes(5)))
struct DamagedFilesystemTests {
    /// How often everything is looked at; each time with several bytes wrong.
    private static let rounds = ProcessInfo.processInfo.environment["V2V_LARGE_TESTS"] == nil ? 40 : 1000
    /// Blocks that are wrong at a time: few, so that one doesn't hide the other.
    private static let blocks = 4

    @Test func version4() throws {
        let image = try Version4Tests.image("-m crc=0 -b size=1024 -i size=256", entries: 140)
        try damage(image, repairingChecksums: false)
    }

    @Test(.enabled(if: Capabilities.canMount), arguments: [true, false])
    func version5(repairingChecksums: Bool) throws {
        let image = try XFSImage(["-b", "size=1024", "-i", "size=512"], size: "32M")
        try image.mounted { mount in
            try AwkwardTree(root: mount, blockSize: 1024, entries: 60).make()
            try Tool.check("cp", ["--reflink=always", mount + "/size 700001", mount + "/shared"])
            try Tool.check("rm", ["-r", mount + "/bytes", mount + "/block", mount + "/leaf"])
        }
        try damage(image, repairingChecksums: repairingChecksums)
    }

    /// Changes bytes of what is read of the structures, and looks at everything.
    private func damage(_ image: XFSImage, repairingChecksums: Bool) throws {
        let device = MutableDevice(try contents(of: image.path))
        try Self.lookAtAll(device)
        let places = device.takeReads()
        #expect(places.count > 50)
        var random = SeededGenerator(state: 42)
        var refused = 0
        for _ in 0..<Self.rounds {
            var originals: [(Range<Int>, [UInt8])] = []
            for _ in 0..<Self.blocks {
                let place = places[Int.random(in: places.indices, using: &random)]
                var block = Array(device.bytes[place])
                originals.insert((place, block), at: 0)
                Self.change(&block, &random)
                if repairingChecksums { Self.repairChecksum(&block) }
                device.bytes.replaceSubrange(place, with: block)
            }
            do { try Self.lookAtAll(device) } catch { refused += 1 }
            for (place, block) in originals { device.bytes.replaceSubrange(place, with: block) }
        }
        #expect(refused > Self.rounds / 4)
        // What was changed is as it was: nothing above is refused for another reason.
        try Self.lookAtAll(device)
    }

    private static func change(_ block: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            // Headers decide most.
            let end = Bool.random(using: &random) ? min(block.count, 200) : block.count
            let offset = Int.random(in: 0..<end, using: &random)
            let values: [UInt8] = [0, 1, 0x7F, 0xFF, UInt8.random(in: 0...255, using: &random)]
            block[offset] = values[Int.random(in: values.indices, using: &random)]
        }
    }

    /// - Throws: the first error of any kind; goes on after those that concern one file only.
    private static func lookAtAll(_ device: MutableDevice) throws {
        let filesystem = try XFSFilesystem(device: device)
        var problem: (any Error)?
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch { problem = error }
        }
        var pending = [filesystem.root]
        var seen: Set<FileID> = []
        while let file = pending.popLast() {
            guard seen.insert(file).inserted, seen.count < 100 else { continue }
            attempt {
                _ = try filesystem.extendedAttributes(of: file)
                switch try filesystem.status(of: file).kind {
                case .regular:
                    _ = try filesystem.read(file, at: 0, count: 1)
                    try requireCapacity(of: file, filesystem)
                case .symbolicLink: _ = try filesystem.readLink(file)
                case .directory:
                    var name: [UInt8] = []
                    try filesystem.forEachEntry(of: file) {
                        pending.append($1)
                        name = $0
                        return true
                    }
                    _ = try filesystem.lookUp(name, in: file)
                default: break
                }
            }
        }
        if let problem { throw problem }
    }

    /// Files that share their blocks have none, though nothing is wrong with them.
    private static func requireCapacity(of file: FileID, _ filesystem: XFSFilesystem) throws {
        do {
            _ = try filesystem.capacity(of: file)
        } catch {
            guard error.code == .unsupported else { throw error }
        }
    }

    /// Where blocks have their checksums, by what they begin with.
    private static func repairChecksum(_ block: inout [UInt8]) {
        guard block.count >= 512 else { return }
        let field: Int
        switch String(decoding: block[..<4], as: UTF8.self) {
        case "XFSB": field = 224
        case "XAGF": field = 216
        case "BMA3": field = 64
        case "R3FC": field = 52
        case "XDB3", "XDD3": field = 4
        case "XARM", "XSLM": field = 12
        case _ where block.starts(with: Array("IN".utf8)): field = 100
        default: field = 12
        }
        block.storeLittleEndian(UInt32(0), at: field)
        block.storeLittleEndian(CRC32C.of(block), at: field)
    }
}
