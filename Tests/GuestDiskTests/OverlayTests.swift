import DiskImage
import GuestDisk
import TestSupport
import Testing

/// Changes that are kept beside a disk.
@Suite struct OverlayTests {
    @Test func readsWhatWasWrittenAndElseTheDisk() throws {
        var random = SystemRandomNumberGenerator()
        let size = 5 * OverlayDevice.blockSize * 7 + 1234
        let original = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        let base = MemoryDevice(original)
        let overlay = try OverlayDevice(over: base)
        var expected = original
        for _ in 0..<200 {
            let start = Int.random(in: 0..<size, using: &random)
            let length = Int.random(in: 0...min(20000, size - start), using: &random)
            if Bool.random(using: &random) {
                let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                try overlay.write(bytes, at: UInt64(start))
                expected.replaceSubrange(start..<start + length, with: bytes)
            }
            #expect(try overlay.read(at: UInt64(start), count: length) == Array(expected[start..<start + length]))
        }
        #expect(base.bytes == original)
        #expect(throws: GuestError.self) { try overlay.write([0], at: UInt64(size)) }

        // The layer has the changed blocks, and only those.
        let map = try overlay.layer()
        var position = 0
        while position < size {
            let extent = try map.extent(at: GuestOffset(UInt64(position)), limit: UInt64(size - position))
            let range = position..<position + Int(extent.length)
            switch extent.content {
            case .data(let file, let offset):
                let bytes = try map.files[file].read(at: offset.bytes, count: range.count, what: "change")
                #expect(bytes == Array(expected[range]))
            case .unallocated: #expect(Array(original[range]) == Array(expected[range]))
            case .zero, .compressed: Issue.record("a layer has nothing of that kind")
            }
            position = range.upperBound
        }
    }

    @Test func whatIsWrittenAsItWasIsNoChange() throws {
        let bytes = [UInt8](repeating: 7, count: 3 * OverlayDevice.blockSize)
        let overlay = try OverlayDevice(over: MemoryDevice(bytes))
        try overlay.write(bytes, at: 0)
        #expect(overlay.changedBlocks.isEmpty)
        try overlay.write([7, 8], at: UInt64(OverlayDevice.blockSize) + 5)
        #expect(overlay.changedBlocks == [1])
    }
}
