import ByteLayout
package import GuestDisk

extension BtrfsFilesystem {
    /// Most bytes of a symbolic link, `PATH_MAX` of Linux.
    private static let maximumLink: UInt64 = 4096

    package func read(_ file: FileID, at offset: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        let place = try locate(file)
        let inode = try inode(place.inode, place.tree)
        guard inode.kind == .regular else {
            throw GuestError(.unsupported, "inode \(place.inode) is not a regular file")
        }
        guard offset < inode.size, count > 0 else { return [] }
        let wanted = offset..<offset + min(UInt64(count), inode.size - offset)
        return try content(of: place.inode, place.tree, wanted, isChecked: !inode.isWithoutChecksums)
    }

    package func readLink(_ link: FileID) throws(GuestError) -> [UInt8] {
        let place = try locate(link)
        let inode = try inode(place.inode, place.tree)
        guard inode.kind == .symbolicLink else {
            throw GuestError(.unsupported, "inode \(place.inode) is not a symbolic link")
        }
        guard (1...Self.maximumLink).contains(inode.size) else {
            throw GuestError(.damaged, "inode \(place.inode): a symbolic link has an impossible length")
        }
        return try content(of: place.inode, place.tree, 0..<inode.size, isChecked: !inode.isWithoutChecksums)
    }

    /// The bytes `wanted` of a file; what no extent has is zeros.
    private func content(
        of inode: UInt64, _ tree: BtrfsTree, _ wanted: Range<UInt64>, isChecked: Bool
    ) throws(GuestError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(wanted.upperBound - wanted.lowerBound))
        // The extent that has the first byte may begin before it.
        let key = BtrfsKey(inode, BtrfsKey.Kind.fileExtent, wanted.lowerBound)
        let before = try tree.lastItem(notAfter: key).map(\.key)
        let start = before.flatMap { $0.object == inode && $0.type == key.type ? $0.offset : nil } ?? 0
        try tree.forEachItem(of: inode, key.type, from: start) { key, data throws(GuestError) in
            guard key.offset < wanted.upperBound else { return false }
            let extent = try FileExtent(data)
            let (end, overflow) = key.offset.addingReportingOverflow(extent.length)
            guard !overflow else { throw GuestError(.damaged, "inode \(inode): an extent is too long") }
            let part = (key.offset..<end).clamped(to: wanted)
            guard !part.isEmpty else { return true }
            let within = part.lowerBound - key.offset
            let shown = within..<within + (part.upperBound - part.lowerBound)
            if let found = try content(of: extent, shown, isChecked: isChecked) {
                let place = Int(part.lowerBound - wanted.lowerBound)
                bytes.replaceSubrange(place..<place + found.count, with: found)
            }
            return true
        }
        return bytes
    }

    /// The bytes `part` of what an extent shows of itself, as many; nil for zeros.
    private func content(
        of extent: FileExtent, _ part: Range<UInt64>, isChecked: Bool
    ) throws(GuestError) -> [UInt8]? {
        let damaged = GuestError(.damaged, "an extent of a file is longer than what is stored for it")
        let (start, overflow) = extent.skipped.addingReportingOverflow(part.lowerBound)
        let (end, tooLong) = extent.skipped.addingReportingOverflow(part.upperBound)
        guard !overflow, !tooLong else { throw damaged }
        switch (extent.place, extent.compression) {
        case (.reserved, _), (.stored(address: 0, _), _): return nil
        case (.stored(let address, let length), nil):
            guard end <= length, !address.addingReportingOverflow(length).overflow else { throw damaged }
            // Whole sectors, which have checksums.
            let sectorSize = UInt64(space.superblock.sectorSize)
            let first = start.alignedDown(to: sectorSize)
            let last = min(length, end.dividedUp(by: sectorSize).multipliedReportingOverflow(by: sectorSize).0)
            guard last >= end else { throw damaged }
            let bytes = try read(at: address + first, count: Int(last - first), isChecked: isChecked)
            return Array(bytes[Int(start - first)..<Int(end - first)])
        case (.inline(let bytes), nil):
            return Array(bytes[Int(start)..<Int(end)])
        case (.inline(let bytes), let compression?):
            guard end <= extent.decodedLength, extent.decodedLength <= ExtentDecoder.maximumLength else {
                throw damaged
            }
            return Array(try decode(compression, bytes, extent)[Int(start)..<Int(end)])
        case (.stored(let address, let length), let compression?):
            guard end <= extent.decodedLength, extent.decodedLength <= ExtentDecoder.maximumLength,
                length <= ExtentDecoder.maximumLength
            else { throw damaged }
            if latestExtent?.address != address || latestExtent?.bytes.count != Int(extent.decodedLength) {
                let stored = try read(at: address, count: Int(length), isChecked: isChecked)
                latestExtent = (address, try decode(compression, stored, extent))
            }
            return latestExtent.map { Array($0.bytes[Int(start)..<Int(end)]) }
        }
    }

    private func read(at address: UInt64, count: Int, isChecked: Bool) throws(GuestError) -> [UInt8] {
        guard isChecked else { return try space.read(at: address, count: count) }
        if checksumTree == nil { checksumTree = try tree(ofSubvolume: BtrfsKey.Object.checksumTree) }
        guard let checksumTree else { preconditionFailure("set above") }
        return try DataChecksums(space, checksumTree).read(at: address, count: count)
    }

    private func decode(
        _ compression: ExtentDecoder.Compression, _ bytes: [UInt8], _ extent: FileExtent
    ) throws(GuestError) -> [UInt8] {
        try ExtentDecoder.decode(
            compression, bytes, count: Int(extent.decodedLength), sectorSize: space.superblock.sectorSize)
    }
}
