import DiskImage

/// The log: a ring of sectors.
struct LogRing {
    /// Bytes of a sector of the log, and of what the log changes at once.
    static let sectorLength: UInt64 = 4096
    /// Longest log that is replayed, in bytes. Programs make it 1 MiB.
    private static let maximumLength: UInt64 = 256 << 20

    let file: ImageFile
    /// The mark of valid entries.
    let guid: GUID
    /// Bytes.
    let length: UInt64
    private let start: UInt64

    /// - Throws: `inputDamaged` if the log is not inside the file, `inputUnsupported` if it is too long to be replayed.
    init(file: ImageFile, header: VHDXHeader) throws(ImageError) {
        self.file = file
        guid = header.logGUID
        start = header.log.lowerBound
        length = header.log.upperBound - start
        guard header.logVersion == 0 else {
            throw file.unsupported("version \(header.logVersion) of the log is not known", at: header.position + 64)
        }
        guard header.log.upperBound <= file.size else {
            throw file.damaged("the log is not inside the file: byte \(start)", at: header.position + 72)
        }
        guard length <= Self.maximumLength else {
            throw file.unsupported("a log of \(length) bytes can't be replayed", at: header.position + 68)
        }
    }

    /// Where in the file `position` is, which may have gone round the ring once.
    func hostOffset(of position: UInt64) -> UInt64 { start + position % length }

    func sector(at position: UInt64) throws(ImageError) -> [UInt8] {
        try file.read(at: hostOffset(of: position), count: Int(Self.sectorLength), what: "log")
    }
}
