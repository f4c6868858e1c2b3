import ByteLayout
import DiskImage

extension VHDXHeader {
    /// The header of a file that is closed: nothing is in the log.
    /// - Parameters:
    ///   - sequence: of the two headers, the one with the higher number counts.
    ///   - fileWriteGUID: changes with anything in the file.
    ///   - dataWriteGUID: changes with the content of the disk.
    ///   - log: the bytes of the file that are the log.
    static func bytes(sequence: UInt64, fileWriteGUID: GUID, dataWriteGUID: GUID, log: Range<UInt64>) -> [UInt8] {
        var bytes = signature + [UInt8](repeating: 0, count: VHDX.headerLength - signature.count)
        bytes.storeLittleEndian(sequence, at: 8)
        bytes.replaceSubrange(16..<32, with: fileWriteGUID.bytes)
        bytes.replaceSubrange(32..<48, with: dataWriteGUID.bytes)
        bytes.storeLittleEndian(knownVersion, at: 66)
        bytes.storeLittleEndian(UInt32(log.count), at: 68)
        bytes.storeLittleEndian(log.lowerBound, at: 72)
        bytes.storeLittleEndian(CRC32C.of(bytes), at: 4)
        return bytes
    }
}
