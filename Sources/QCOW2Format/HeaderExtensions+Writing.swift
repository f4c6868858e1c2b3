import ByteLayout

extension HeaderExtensions {
    /// The extensions of an image with these options, and the end of their list.
    static func stored(_ options: QCOW2WriterOptions) -> [UInt8] {
        var bytes: [UInt8] = []
        if let backing = options.backing { bytes += stored(backingFormatType, backing.format) }
        if let dataFile = options.dataFile { bytes += stored(dataFileType, dataFile.name) }
        return bytes + stored(endType, "")
    }

    private static func stored(_ type: UInt32, _ text: String) -> [UInt8] { stored(type, Array(text.utf8)) }

    /// An extension as it is stored.
    static func stored(_ type: UInt32, _ data: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8 + data.count.alignedUp(to: 8))
        bytes.storeBigEndian(type, at: 0)
        bytes.storeBigEndian(UInt32(data.count), at: 4)
        bytes.replaceSubrange(8..<8 + data.count, with: data)
        return bytes
    }
}
