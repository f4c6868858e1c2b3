import ByteLayout

/// Writes entries of a VHDX's log.
package struct VHDXLogEntry {
    package enum Change {
        /// `length` bytes from `offset` of the file become zero.
        case zero(offset: Int, length: Int)
        /// 4096 bytes at `offset` of the file become these.
        case sector(offset: Int, [UInt8])
    }

    package var sequence: UInt64
    /// Where in the log the oldest entry of the sequence starts.
    package var tail: Int
    package var changes: [Change]
    package var guid: [UInt8]
    package var flushedFileSize: Int
    package var neededFileSize: Int

    package init(sequence: UInt64, tail: Int, guid: [UInt8], fileSize: Int, changes: [Change]) {
        self.sequence = sequence
        self.tail = tail
        self.guid = guid
        self.changes = changes
        flushedFileSize = fileSize
        neededFileSize = fileSize
    }

    package var bytes: [UInt8] {
        var descriptors: [UInt8] = []
        var sectors: [UInt8] = []
        for change in changes {
            switch change {
            case .zero(let offset, let length):
                descriptors += Array("zero".utf8) + littleEndian(UInt32(0)) + littleEndian(UInt64(length))
                descriptors += littleEndian(UInt64(offset)) + littleEndian(sequence)
            case .sector(let offset, let content):
                descriptors += Array("desc".utf8) + content[4092...] + content[..<8]
                descriptors += littleEndian(UInt64(offset)) + littleEndian(sequence)
                sectors += Array("data".utf8) + littleEndian(UInt32(sequence >> 32)) + content[8..<4092]
                sectors += littleEndian(UInt32(truncatingIfNeeded: sequence))
            }
        }
        let head = (64 + descriptors.count + 4095) / 4096 * 4096
        var header = Array("loge".utf8) + littleEndian(UInt32(0)) + littleEndian(UInt32(head + sectors.count))
        header += littleEndian(UInt32(tail)) + littleEndian(sequence) + littleEndian(UInt32(changes.count))
        header += littleEndian(UInt32(0)) + guid + littleEndian(UInt64(flushedFileSize))
        header += littleEndian(UInt64(neededFileSize)) + descriptors
        header += [UInt8](repeating: 0, count: head - header.count)
        return VHDXBuilder.checked(header + sectors, length: head + sectors.count)
    }

    /// Puts the entry at `position` of the log in `image`, round the ring if need be.
    /// - Returns: where the next entry belongs.
    @discardableResult
    package func write(to image: inout [UInt8], at position: Int) -> Int {
        for (index, byte) in bytes.enumerated() {
            image[VHDXBuilder.logStart + (position + index) % VHDXBuilder.logLength] = byte
        }
        return (position + bytes.count) % VHDXBuilder.logLength
    }
}
