package import DiskImage

/// Passes another stream on and makes digests of it.
package final class DigestingStream: ByteStream {
    private let base: any ByteStream
    private let digesters: [Digester]

    package var path: String { base.path }
    package var position: UInt64 { base.position }
    package var length: UInt64? { base.length }

    package init(_ base: any ByteStream, algorithms: [ExpectedDigest.Algorithm]) {
        self.base = base
        digesters = algorithms.map { Digester($0) }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        let count = unsafe try base.read(into: buffer)
        // Safe: what was read.
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
        for digester in digesters { unsafe digester.update(bytes) }
        return count
    }

    /// The digests of what has been read; once, when all has been.
    package func finishDigests() -> [ExpectedDigest] { digesters.map { $0.finish() } }
}
