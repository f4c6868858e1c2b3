import ByteLayout
import DiskImage

/// The digest of a disk that depends on nothing but its bytes: the root of a tree of SHA-256 digests, which docs/checksum.md
/// defines.
///
/// ```
///  height 48                      root: 2^48 blocks, the disk and zeros without end
///    …                      ┌──────┴──────┐
///  height 1              ┌──┴──┐       ┌──┴──┐
///  height 0            block block   block block
/// ```
/// Subtrees come in any order, each once, and are joined as soon as both halves are there: so memory is a few digests for
/// each gap between them.
package struct HashTree {
    /// The 32 bytes of SHA-256.
    package typealias Digest = [UInt8]

    /// Bytes of a block.
    package static let blockSize = 64 << 10
    /// Joins between a block and the root.
    package static let height = 48

    private struct Place: Hashable {
        var height: Int
        /// Its number among the subtrees of this height.
        var index: UInt64
    }

    /// The subtrees whose sibling is not there yet.
    private var pending: [Place: Digest] = [:]

    package init() {}

    /// The digest of the whole, after every block has been inserted.
    package var root: Digest {
        guard let root = pending[Place(height: Self.height, index: 0)] else {
            preconditionFailure("a part of the disk is missing")
        }
        return root
    }

    /// Inserts a subtree of `height`, the one with number `index` among those.
    package mutating func insert(_ digest: Digest, height: Int, index: UInt64) {
        var place = Place(height: height, index: index)
        var digest = digest
        while let sibling = pending.removeValue(forKey: Place(height: place.height, index: place.index ^ 1)) {
            digest = place.index & 1 == 0 ? Self.node(digest, sibling) : Self.node(sibling, digest)
            place = Place(height: place.height + 1, index: place.index / 2)
        }
        pending[place] = digest
    }

    /// Inserts the blocks with these numbers, all zero.
    package mutating func insertZeros(_ blocks: Range<UInt64>) {
        var start = blocks.lowerBound
        while start < blocks.upperBound {
            // The largest subtree that starts here and does not reach too far.
            let fitting = UInt64.bitWidth - 1 - (blocks.upperBound - start).leadingZeroBitCount
            let height = min(start.trailingZeroBitCount, fitting)
            insert(Self.zeros[height], height: height, index: start >> UInt64(height))
            start += 1 << UInt64(height)
        }
    }

    /// Inserts everything from block `start` on: zeros.
    package mutating func insertZeros(from start: UInt64) {
        insertZeros(start..<1 << UInt64(Self.height))
    }

    /// The digest of the subtree of `height` whose blocks start with `bytes`, not more than it has; the rest is zero.
    package static func subtree(_ bytes: UnsafeRawBufferPointer, height: Int) -> Digest {
        guard height > 0 else { return unsafe leaf(bytes) }
        guard unsafe !bytes.isEmpty else { return zeros[height] }
        let half = min(bytes.count, blockSize << (height - 1))
        // Safe: two parts of the bytes.
        return node(
            unsafe subtree(UnsafeRawBufferPointer(rebasing: bytes[..<half]), height: height - 1),
            unsafe subtree(UnsafeRawBufferPointer(rebasing: bytes[half...]), height: height - 1))
    }

    /// The digests of subtrees that are all zero, by height.
    private static let zeros: [Digest] = {
        let block = [UInt8](repeating: 0, count: blockSize)
        var zeros = [unsafe block.withUnsafeBytes { unsafe hash(0, $0) }]
        for height in 0..<Self.height { zeros.append(node(zeros[height], zeros[height])) }
        return zeros
    }()

    private static func leaf(_ bytes: UnsafeRawBufferPointer) -> Digest {
        if unsafe ZeroScan.isZero(bytes) { return zeros[0] }
        if bytes.count == blockSize { return unsafe hash(0, bytes) }
        let padding = [UInt8](repeating: 0, count: blockSize - bytes.count)
        return unsafe (Array(bytes) + padding).withUnsafeBytes { unsafe hash(0, $0) }
    }

    private static func node(_ left: Digest, _ right: Digest) -> Digest {
        unsafe (left + right).withUnsafeBytes { unsafe hash(1, $0) }
    }

    /// The first byte keeps blocks and joins apart, as in Certificate Transparency's trees (RFC 6962, section 2.1).
    private static func hash(_ kind: UInt8, _ bytes: UnsafeRawBufferPointer) -> Digest {
        let digester = Digester(.sha256)
        unsafe [kind].withUnsafeBytes { unsafe digester.update($0) }
        unsafe digester.update(bytes)
        return digester.finish().bytes
    }
}
