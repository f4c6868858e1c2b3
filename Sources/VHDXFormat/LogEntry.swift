import ByteLayout
import DiskImage

/// An entry of the log that is valid: whole, and written since the log was begun.
/// ```
///  header │ descriptors … │ padding to 4 KiB │ data sectors of 4 KiB, one for each data descriptor
/// ```
struct LogEntry {
    /// Where in the log it starts.
    var position: UInt64
    /// Bytes.
    var length: UInt64
    /// Where in the log the oldest entry starts whose changes may not be in place.
    var tail: UInt64
    var sequence: UInt64
    var descriptorCount: Int
    /// Bytes that the file had, for certain, when the entry was written.
    var flushedFileSize: UInt64
    /// Bytes that the file needs.
    var neededFileSize: UInt64

    /// Bytes of the header, and of a descriptor.
    private static let headerLength = 64
    private static let descriptorLength = 32
    private static let signature = Array("loge".utf8)
    private static let dataSignature = Array("data".utf8)

    /// Sectors of the header and the descriptors.
    private var descriptorSectors: UInt64 {
        UInt64(Self.headerLength + descriptorCount * Self.descriptorLength).dividedUp(by: LogRing.sectorLength)
    }

    /// The entry at `position` of `ring`, nil if there is no valid one. Reads no farther than it makes sense: the first
    /// sector that can't belong to the entry ends it, and that is so for the start of another.
    init?(_ ring: LogRing, at position: UInt64) throws(ImageError) {
        var first = try ring.sector(at: position)
        guard first.starts(with: Self.signature) else { return nil }
        self.position = position
        length = UInt64(first.littleEndian(UInt32.self, at: 8))
        tail = UInt64(first.littleEndian(UInt32.self, at: 12))
        sequence = first.littleEndian(UInt64.self, at: 16)
        descriptorCount = Int(first.littleEndian(UInt32.self, at: 24))
        flushedFileSize = first.littleEndian(UInt64.self, at: 48)
        neededFileSize = first.littleEndian(UInt64.self, at: 56)
        guard length % LogRing.sectorLength == 0, length > 0, length <= ring.length,
            tail % LogRing.sectorLength == 0, tail < ring.length, sequence > 0, GUID(first[32..<48]) == ring.guid,
            descriptorSectors <= length / LogRing.sectorLength, neededFileSize <= UInt64(Int64.max)
        else { return nil }
        let stored = first.littleEndian(UInt32.self, at: 4)
        first.replaceSubrange(4..<8, with: [0, 0, 0, 0])
        var checksum = CRC32C()
        checksum.update(first)
        guard var dataSectors = dataDescriptors(in: first, number: 0) else { return nil }
        for number in 1..<length / LogRing.sectorLength {
            let sector = try ring.sector(at: position + number * LogRing.sectorLength)
            if number < descriptorSectors {
                guard let more = dataDescriptors(in: sector, number: number) else { return nil }
                dataSectors += more
            } else {
                guard isData(sector) else { return nil }
            }
            checksum.update(sector)
        }
        guard dataSectors == length / LogRing.sectorLength - descriptorSectors, checksum.value == stored else {
            return nil
        }
    }

    /// The data descriptors among those in sector `number`, nil if one of the descriptors is impossible.
    private func dataDescriptors(in sector: [UInt8], number: UInt64) -> UInt64? {
        var count: UInt64 = 0
        for offset in descriptors(inSector: number) {
            guard let descriptor = LogDescriptor(sector, at: offset), descriptor.sequence == sequence else {
                return nil
            }
            if case .sector = descriptor.content { count += 1 }
        }
        return count
    }

    /// Where in sector `number` descriptors start.
    private func descriptors(inSector number: UInt64) -> StrideTo<Int> {
        let start = number == 0 ? Self.headerLength : 0
        let before =
            number == 0 ? 0 : (Int(number) * Int(LogRing.sectorLength) - Self.headerLength) / Self.descriptorLength
        let end = min(Int(LogRing.sectorLength), start + (descriptorCount - before) * Self.descriptorLength)
        return stride(from: start, to: end, by: Self.descriptorLength)
    }

    /// Whether `sector` has data of this entry; its number is torn in two and put round the data.
    private func isData(_ sector: [UInt8]) -> Bool {
        sector.starts(with: Self.dataSignature)
            && UInt64(sector.littleEndian(UInt32.self, at: 4)) == sequence >> 32
            && sector.littleEndian(UInt32.self, at: 4092) == UInt32(truncatingIfNeeded: sequence)
    }

    /// The changes that the entry makes, in order.
    func changes(_ ring: LogRing) throws(ImageError) -> [FileChange] {
        var changes: [FileChange] = []
        var dataSector = descriptorSectors
        for number in 0..<descriptorSectors {
            let sector = try ring.sector(at: position + number * LogRing.sectorLength)
            for offset in descriptors(inSector: number) {
                guard let descriptor = LogDescriptor(sector, at: offset) else {
                    throw ring.file.damaged("the log changes while it is read", at: ring.hostOffset(of: position))
                }
                switch descriptor.content {
                case .zero:
                    changes.append(FileChange(range: descriptor.range, content: .zero))
                case .sector(let leading, let trailing):
                    let place = ring.hostOffset(of: position + dataSector * LogRing.sectorLength)
                    changes.append(
                        FileChange(
                            range: descriptor.range, content: .logged(at: place, leading: leading, trailing: trailing)))
                    dataSector += 1
                }
            }
        }
        return changes
    }
}
