package import DiskImage

/// A raw disk that comes front to back.
package final class RawStream: DiskStream {
    package let path: String
    package let virtualSize: UInt64?
    private let bytes: any ByteStream
    /// Where the next extent starts.
    private var position: UInt64 = 0
    /// The last bytes, which tell a fixed VHD from a raw disk.
    private var suffix: [UInt8] = []
    private let refuse: @Sendable ([UInt8], UInt64) throws(ImageError) -> Void

    /// - Parameters:
    ///   - bytes: from which nothing has been read.
    ///   - refuse: throws if the last ``ProbeData/suffixLength`` bytes, of so many in all, show that this is no raw disk.
    package init(
        _ bytes: any ByteStream, refuse: @escaping @Sendable ([UInt8], UInt64) throws(ImageError) -> Void
    ) {
        self.bytes = bytes
        self.refuse = refuse
        path = bytes.path
        virtualSize = bytes.length
    }

    package var info: ImageInfo {
        ImageInfo(filename: path, format: .raw, virtualSize: virtualSize ?? 0, actualSize: virtualSize ?? 0)
    }

    package func next() throws(ImageError) -> StreamedExtent? {
        let length = min(StreamedExtent.window, virtualSize.map { $0 - position } ?? .max)
        guard length > 0 else {
            try refuse(suffix, position)
            return nil
        }
        return StreamedExtent(
            offset: GuestOffset(position),
            extent: Extent(length: length, content: .data(file: 0, offset: HostOffset(position))),
            storedLength: Int(length))
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        let count = unsafe try bytes.read(into: buffer)
        guard count == buffer.count || virtualSize == nil else { throw bytes.truncated("the disk") }
        position += UInt64(count)
        // Safe: the end of what was read.
        unsafe suffix += buffer[max(0, count - ProbeData.suffixLength)..<count]
        suffix = Array(suffix.suffix(ProbeData.suffixLength))
        if count < buffer.count { try refuse(suffix, position) }
        return count
    }
}
