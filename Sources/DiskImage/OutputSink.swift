/// The files a writer puts its tables into. File 0 bears the output's name; see ``ImageWriter/companions``.
package protocol OutputSink: AnyObject {
    /// Makes the file at least `size` bytes long.
    func reserve(_ file: Int, upTo size: UInt64) throws(ImageError)
    /// Writes `bytes` at `offset`.
    func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) throws(ImageError)
    /// Makes `length` bytes at `offset` of file 0 read as zeros, whatever was there.
    func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError)
    /// Returns when everything written so far would survive a crash, if the output is written in place.
    func barrier() throws(ImageError)
}

extension OutputSink {
    /// Makes file 0 at least `size` bytes long.
    package func reserve(upTo size: UInt64) throws(ImageError) { try reserve(0, upTo: size) }
    /// Writes `bytes` at `offset` of file 0.
    package func write(_ bytes: [UInt8], at offset: HostOffset) throws(ImageError) {
        try write(bytes, file: 0, at: offset)
    }
}
