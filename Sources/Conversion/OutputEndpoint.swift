import DiskImage
import NBD
import RingIO
import SystemPackage

/// What a conversion writes: a file or device of this machine, or an export of a server.
protocol OutputEndpoint: AnyObject, Sendable {
    /// The final name, or the URI.
    var path: String { get }
    /// The export, if it is one.
    var export: NBDExport? { get }
    /// What transfers must be aligned to, in bytes: a power of two, at most 64 KiB.
    var blockSize: Int { get }

    /// What a transfer goes to, and whether it bypasses the page cache.
    func target(offset: UInt64, length: Int) -> (IORequest.Target, isDirect: Bool)
    /// Counts bytes that did not bypass the page cache.
    func noteBuffered(_ count: Int) throws(ImageError)
    /// Stops bypassing the page cache.
    func abandonDirectIO()
    /// Where data ends that ends `length` bytes into a chunk.
    func paddedEnd(of length: Int) -> Int

    /// Makes it at least `size` bytes long.
    func reserve(upTo size: UInt64) throws(ImageError)
    /// Allocates storage for the whole, so that it can't run out later.
    /// - Returns: false if that can't be done.
    func allocate(_ size: UInt64) throws(ImageError) -> Bool
    func write(_ bytes: [UInt8], at offset: HostOffset) throws(ImageError)
    /// Makes `length` bytes at `offset` read as zeros, whatever was there.
    func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError)
    /// Returns when everything written so far is safe.
    func synchronize() throws(ImageError)
    /// Gives it its size; when this returns it is safe.
    func complete(size: UInt64) throws(ImageError)
}

// What only files need.
extension OutputEndpoint {
    func noteBuffered(_ count: Int) {}
    func abandonDirectIO() {}
    func reserve(upTo size: UInt64) {}
    func allocate(_ size: UInt64) -> Bool { false }
}

extension OutputEndpoint {
    /// An error of writing: no room, or a failed write.
    func failure(_ message: String, at offset: UInt64?, _ errno: Errno) -> ImageError {
        let noRoom = errno == .noSpace || errno == .diskQuotaExceeded
        return ImageError(
            noRoom ? .outputNoSpace : .outputFailed, message,
            advice: noRoom ? "make room and convert again" : errno.adviceAboutConnections, path: path, offset: offset,
            errno: errno)
    }
}
