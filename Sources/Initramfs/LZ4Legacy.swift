import ByteLayout
import CLZ4

/// The "legacy" frame of the lz4 tool, the one that the kernel reads (lib/decompress_unlz4.c):
///
/// ```
/// | 02 21 4C 18 | length, 4 bytes | block | length | block …
/// ```
///
/// It has no end: it takes a length of zero for one, if it is not older than Linux 5.14, or the end of the file. A
/// magic between blocks is skipped, so that frames may follow each other if nothing is between.
enum LZ4Legacy {
    static let magic: [UInt8] = [0x02, 0x21, 0x4C, 0x18]
    /// What a block holds at most.
    private static let blockLength = 8 << 20

    /// Decodes the frame that `input` begins with and hands its blocks to `sink`.
    /// - Returns: the frame's bytes, up to the end, zeros or another frame.
    static func decode(
        _ input: ArraySlice<UInt8>, sink: (ArraySlice<UInt8>) throws(ArchiveProblem) -> Void
    ) throws(ArchiveProblem) -> Int {
        guard input.starts(with: magic) else { throw ArchiveProblem("there is no lz4 frame") }
        var rest = input.dropFirst(magic.count)
        var block = [UInt8](repeating: 0, count: blockLength)
        while rest.count >= 4, !rest.starts(with: magic) {
            let length = Int(Array(rest.prefix(4)).littleEndian(UInt32.self, at: 0))
            guard length > 0 else { break }
            guard length <= LZ4_compressBound(Int32(blockLength)), length <= rest.count - 4 else {
                throw ArchiveProblem("a block has \(length) bytes")
            }
            let data = rest.dropFirst(4).prefix(length)
            // Safe: both buffers are passed with their lengths, and the function is the one for hostile input.
            let produced = unsafe data.withUnsafeBytes { source in
                unsafe block.withUnsafeMutableBytes { destination in
                    unsafe LZ4_decompress_safe(
                        source.baseAddress?.assumingMemoryBound(to: CChar.self),
                        destination.baseAddress?.assumingMemoryBound(to: CChar.self),
                        Int32(source.count), Int32(destination.count))
                }
            }
            guard produced >= 0 else { throw ArchiveProblem("the compressed data are damaged") }
            try sink(block[..<Int(produced)])
            rest = rest.dropFirst(4 + length)
        }
        return input.count - rest.count
    }

    /// A frame that holds `content`.
    static func encode(_ content: [UInt8]) -> [UInt8] {
        var frame = magic
        for start in stride(from: 0, to: content.count, by: blockLength) {
            let block = content[start..<min(start + blockLength, content.count)]
            var compressed = [UInt8](repeating: 0, count: Int(LZ4_compressBound(Int32(block.count))))
            // Safe: both buffers are passed with their lengths.
            let length = unsafe block.withUnsafeBytes { source in
                unsafe compressed.withUnsafeMutableBytes { destination in
                    unsafe LZ4_compress_HC(
                        source.baseAddress?.assumingMemoryBound(to: CChar.self),
                        destination.baseAddress?.assumingMemoryBound(to: CChar.self),
                        Int32(source.count), Int32(destination.count), LZ4HC_CLEVEL_DEFAULT)
                }
            }
            precondition(length > 0, "a block fits into its bound")
            var prefix = [UInt8](repeating: 0, count: 4)
            prefix.storeLittleEndian(UInt32(length), at: 0)
            frame += prefix + compressed[..<Int(length)]
        }
        return frame
    }
}
