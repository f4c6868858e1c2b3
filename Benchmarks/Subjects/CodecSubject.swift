import Compression
import DiskImage

/// A codec at work on one cluster of 64 KiB that shrinks to about a third, as installed software does.
public final class CodecSubject {
    /// A codec of qcow2 clusters.
    public enum Codec: Sendable {
        /// Raw deflate of a level from 0 to 12.
        case deflate(level: Int)
        /// Zstandard of a level from 1 to 19.
        case zstd(level: Int)
    }

    private let encoder: any UnitEncoder
    private let decoder = UnitDecoder()
    private let coding: CompressedUnit.Coding
    private let cluster: [UInt8]
    private var encoded: [UInt8]
    private var decoded: [UInt8]
    private var encodedLength = 0

    private static let clusterSize = 65536

    /// The codec, and a cluster that it has compressed.
    public init(_ codec: Codec) {
        switch codec {
        case .deflate(let level):
            encoder = UnitEncoding.deflate(level: level).makeEncoder()
            coding = .deflate
        case .zstd(let level):
            encoder = UnitEncoding.zstd(level: level).makeEncoder()
            coding = .zstd
        }
        cluster = Self.text(count: Self.clusterSize)
        encoded = [UInt8](repeating: 0, count: Self.clusterSize)
        decoded = encoded
        _ = encode()
    }

    /// Compresses the cluster.
    /// - Returns: bytes that it takes.
    public func encode() -> Int {
        let length = unsafe cluster.withUnsafeBytes { source in
            unsafe encoded.withUnsafeMutableBytes { unsafe encoder.encode(source, at: GuestOffset(0), into: $0) }
        }
        guard let length else { preconditionFailure("the cluster can't be compressed") }
        encodedLength = length
        return length
    }

    /// Inflates the compressed cluster.
    /// - Returns: its last byte.
    public func decode() -> UInt8 {
        do {
            try unsafe encoded.withUnsafeBytes { source in
                try unsafe decoded.withUnsafeMutableBytes { target in
                    // Safe: the encoder has filled as many bytes.
                    try unsafe decoder.decode(
                        coding, UnsafeRawBufferPointer(rebasing: source[..<encodedLength]), into: target)
                }
            }
        } catch {
            preconditionFailure("the cluster can't be inflated: \(error)")
        }
        return decoded[Self.clusterSize - 1]
    }

    /// Words of a vocabulary, the first ones more often, with numbers between them; the same every time.
    private static func text(count: Int) -> [UInt8] {
        var state: UInt64 = 1
        // Xorshift (Marsaglia, 2003).
        func random(below limit: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % limit
        }
        let words = (0..<1024).map { _ in
            (0..<2 + random(below: 8)).map { _ in UInt8(ascii: "a") + UInt8(random(below: 26)) }
        }
        var bytes: [UInt8] = []
        while bytes.count < count {
            bytes += words[Int(random(below: 1 + random(below: 1024)))]
            bytes.append(random(below: 8) == 0 ? UInt8(truncatingIfNeeded: state >> 32) : UInt8(ascii: " "))
        }
        return Array(bytes[..<count])
    }
}
