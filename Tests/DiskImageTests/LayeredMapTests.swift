import Testing

@testable import DiskImage

/// What a layer does not have is told in as long runs as are asked for, with few looks at the layer's tables.
@Suite struct LayeredMapTests {
    /// A disk that has nothing, or data in pieces that do not join.
    private final class Disk: DiskMap {
        let virtualSize: UInt64 = 1 << 40
        let files: [ImageFile] = []
        private let piece: UInt64?
        private(set) var questions = 0

        init(piece: UInt64?) {
            self.piece = piece
        }

        func extent(at offset: GuestOffset, limit: UInt64) -> Extent {
            questions += 1
            guard let piece else { return Extent(length: limit, content: .unallocated) }
            let length = min(limit, piece - offset.bytes % piece)
            return Extent(length: length, content: .data(file: 0, offset: HostOffset(offset.bytes * 2)))
        }

        func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 { limit }
    }

    @Test func aHoleIsToldAsFarAsItIsAskedFor() throws {
        let map = LayeredMap(Disk(piece: nil), over: nil)
        #expect(try map.extent(at: GuestOffset(0), limit: 1 << 21).length == 1 << 21)
        #expect(try map.extent(at: GuestOffset(0), limit: 1 << 40).length == 1 << 40)
        #expect(try map.extent(at: GuestOffset(1 << 39), limit: 1 << 20).length == 1 << 20)
    }

    @Test func aHoleOverManyPiecesIsLookedForOnce() throws {
        let layer = Disk(piece: nil)
        let map = LayeredMap(layer, over: Disk(piece: 4096))
        for offset in stride(from: UInt64(0), to: 1 << 20, by: 4096) {
            #expect(try map.extent(at: GuestOffset(offset), limit: (1 << 20) - offset).length == 4096)
        }
        #expect(layer.questions == 1)
    }
}
