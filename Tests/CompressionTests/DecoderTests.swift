import CZlib
import Compression
import DiskImage
import Testing
import TestSupport

@Suite struct DecoderTests {
    static let cluster = DiskContent.mixed.bytes()[0..<65536].map { $0 }

    @Test(arguments: [UnitEncoding.deflate(level: 0), .deflate(level: 1), .deflate(level: 12), .zstd(level: 3)])
    func decodesWhatTheEncodersWrite(encoding: UnitEncoding) throws {
        let encoded = try #require(encode(Self.cluster, encoding, room: 65535))
        let coding: CompressedUnit.Coding = if case .zstd = encoding { .zstd } else { .deflate }
        // A sector's rest behind the stream belongs to someone else.
        #expect(try decode(coding, encoded + [UInt8](repeating: 0xA5, count: 300), length: 65536) == Self.cluster)
    }

    @Test(arguments: [UnitEncoding.deflate(level: 0), .deflate(level: 1), .zstd(level: 3)])
    func refusesToStoreWhatDoesNotShrink(encoding: UnitEncoding) {
        var random = SplitMix(state: 7)
        let noise = (0..<4096).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        #expect(encode(noise, encoding, room: 4095) == nil)
    }

    /// zlib itself, an independent decoder, reads the deflate streams.
    @Test(arguments: [0, 1, 6])
    func zlibReadsTheDeflateStreams(level: Int) throws {
        let encoded = try #require(encode(Self.cluster, .deflate(level: level), room: 65535))
        var stream = z_stream()
        #expect(inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { inflateEnd(&stream) }
        var input = encoded
        var output = [UInt8](repeating: 0, count: 65536)
        let status = input.withUnsafeMutableBytes { source in
            output.withUnsafeMutableBytes { target in
                stream.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(target.count)
                return inflate(&stream, Z_FINISH)
            }
        }
        #expect(status == Z_STREAM_END)
        #expect(output == Self.cluster)
    }

    /// As a reader does that inflates qcow2 clusters piece by piece with the window that QEMU writes.
    @Test(arguments: [0, 1, 6, 9])
    func theSmallWindowSufficesForInflatingInSteps(level: Int) throws {
        let encoded = try #require(encode(Self.farMatches, .deflate(level: level, window: .kib4), room: 65535))
        #expect(try inflateInSteps(encoded) == Self.farMatches)
        #expect(try decode(.deflate, encoded, length: 65536) == Self.farMatches)
    }

    @Test(arguments: [0, 1, 6])
    func theLargeWindowDoesNot(level: Int) throws {
        let encoded = try #require(encode(Self.farMatches, .deflate(level: level), room: 65535))
        #expect(throws: (any Error).self) { try inflateInSteps(encoded) }
    }

    /// Noise that is repeated at distances from 300 to 30,000 bytes.
    static let farMatches: [UInt8] = {
        var random = SplitMix(state: 11)
        var bytes: [UInt8] = []
        while bytes.count < 65536 {
            if bytes.count > 30000, random.next() % 3 > 0 {
                let start = bytes.count - Int(300 + random.next() % 29700)
                bytes += bytes[start..<start + min(300, 65536 - bytes.count)]
            } else {
                bytes.append(UInt8(truncatingIfNeeded: random.next()))
            }
        }
        return Array(bytes.prefix(65536))
    }()

    /// Inflates with a window of 4 KiB, 512 bytes of output at a time.
    private func inflateInSteps(_ encoded: [UInt8]) throws -> [UInt8] {
        struct Refused: Error {}
        var stream = z_stream()
        #expect(inflateInit2_(&stream, -12, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { inflateEnd(&stream) }
        var input = encoded
        var output: [UInt8] = []
        var step = [UInt8](repeating: 0, count: 512)
        try input.withUnsafeMutableBytes { source in
            stream.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_in = UInt32(source.count)
            var status = Z_OK
            while status == Z_OK {
                let produced = step.withUnsafeMutableBytes { target in
                    stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.avail_out = UInt32(target.count)
                    status = inflate(&stream, Z_NO_FLUSH)
                    return target.count - Int(stream.avail_out)
                }
                output += step[..<produced]
            }
            guard status == Z_STREAM_END else { throw Refused() }
        }
        return output
    }

    @Test func acceptsADeflateStreamWithoutEndThatFillsTheCluster() throws {
        // Z_SYNC_FLUSH: everything is there, but no block is marked as the last.
        let unfinished = try deflated(Self.cluster, windowBits: -12, flush: Z_SYNC_FLUSH)
        #expect(try decode(.deflate, unfinished, length: 65536) == Self.cluster)
        // The next cluster's stream may follow at once, or anything else.
        #expect(try decode(.deflate, unfinished + unfinished, length: 65536) == Self.cluster)
        #expect(try decode(.deflate, unfinished + [0xFF, 0xFF, 0xFF, 0xFF], length: 65536) == Self.cluster)
    }

    @Test func refusesDeflateStreamsThatDoNotFillTheCluster() throws {
        let encoded = try #require(encode(Self.cluster, .deflate(level: 1), room: 65535))
        #expect(throws: UnitDecoder.Failure.self) { try decode(.deflate, encoded, length: 65537) }
        #expect(throws: UnitDecoder.Failure.self) { try decode(.deflate, Array(encoded.dropLast(100)), length: 65536) }
        #expect(throws: UnitDecoder.Failure.self) { try decode(.deflate, [], length: 512) }
    }

    @Test func readsSeveralZstdFrames() throws {
        let first = try #require(encode(Array(Self.cluster[..<40000]), .zstd(level: 1), room: 39999))
        let second = try #require(encode(Array(Self.cluster[40000...]), .zstd(level: 5), room: 25535))
        #expect(try decode(.zstd, first + second + [1, 2, 3], length: 65536) == Self.cluster)
        #expect(throws: UnitDecoder.Failure.self) { try decode(.zstd, first, length: 65536) }
        #expect(throws: UnitDecoder.Failure.self) { try decode(.zstd, first + second, length: 65535) }
    }

    @Test func checksAGrainsHeaderAndChecksum() throws {
        let stream = try deflated(Self.cluster, windowBits: 15, flush: Z_FINISH)
        let coding = CompressedUnit.Coding.vmdkGrain(headerLength: 12, sector: 1280)
        let grain = littleEndian(UInt64(1280)) + littleEndian(UInt32(stream.count)) + stream
        #expect(try decode(coding, grain + [0, 0, 0], length: 65536) == Self.cluster)

        let misplaced = littleEndian(UInt64(1408)) + littleEndian(UInt32(stream.count)) + stream
        #expect(throws: UnitDecoder.Failure.self) { try decode(coding, misplaced, length: 65536) }
        var rotten = grain
        rotten[rotten.count - 1] ^= 1
        #expect(throws: UnitDecoder.Failure.self) { try decode(coding, rotten, length: 65536) }
        #expect(throws: UnitDecoder.Failure.self) { try decode(coding, Array(grain.dropLast(1)), length: 65536) }
        #expect(throws: UnitDecoder.Failure.self) { try decode(coding, Array(grain[..<11]), length: 65536) }
        #expect(throws: UnitDecoder.Failure.self) { try decode(coding, grain, length: 65024) }
    }

    private func encode(_ bytes: [UInt8], _ encoding: UnitEncoding, room: Int) -> [UInt8]? {
        var target = [UInt8](repeating: 0, count: room)
        let length = bytes.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { encoding.makeEncoder().encode(source, at: GuestOffset(0), into: $0) }
        }
        return length.map { Array(target[..<$0]) }
    }

    private func decode(_ coding: CompressedUnit.Coding, _ bytes: [UInt8], length: Int) throws -> [UInt8] {
        var target = [UInt8](repeating: 0xEE, count: length)
        try bytes.withUnsafeBytes { source in
            try target.withUnsafeMutableBytes { try UnitDecoder().decode(coding, source, into: $0) }
        }
        return target
    }
}
