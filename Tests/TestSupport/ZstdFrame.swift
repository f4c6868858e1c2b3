import CZstd

/// One Zstandard frame with the content `bytes`.
package func zstdFrame(_ bytes: [UInt8], level: Int32 = 3) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let count = bytes.withUnsafeBytes { source in
        output.withUnsafeMutableBytes {
            ZSTD_compress($0.baseAddress, $0.count, source.baseAddress, source.count, level)
        }
    }
    return Array(output[..<count])
}
