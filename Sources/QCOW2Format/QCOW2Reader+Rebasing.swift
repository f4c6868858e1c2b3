import ByteLayout
package import DiskImage

extension QCOW2Reader {
    /// Makes the image name another backing file, or none; what it stores stays as it is.
    ///
    /// Header, extensions and name are written in one piece, all within the first cluster; as a rule that is within a page.
    /// - Parameter output: changes ``file``, on which nobody else works.
    /// - Throws: `invalidOption` if the name doesn't fit; `inputDamaged` if the image must be repaired first;
    ///   `inputUnsupported`.
    package func rebase(to backing: BackingReference?, output: any OutputSink) throws(ImageError) {
        try requireEditable()
        guard backing == nil || header.autoclear & QCOW2Header.rawDataFile == 0 else {
            throw file.unsupported("the image's data file is the disk, which can't have a backing file")
        }
        var edit = try HeaderEdit(file: file, header: header)
        let fixedLength = edit.length
        var rest = try file.read(
            at: fixedLength, count: Int(UInt64(header.headerLength) - fixedLength), what: "qcow2 header")
        if let backing {
            rest += HeaderExtensions.stored(HeaderExtensions.backingFormatType, Array(backing.format.utf8))
        }
        let listEnd = try HeaderExtensions.forEach(file: file, header: header) { type, data in
            if type != HeaderExtensions.backingFormatType { rest += HeaderExtensions.stored(type, data) }
        }
        rest += HeaderExtensions.stored(HeaderExtensions.endType, [])
        if let name = backing?.name.utf8 {
            edit.setBackingName(offset: fixedLength + UInt64(rest.count), length: name.count)
            rest += name
        } else {
            edit.setBackingName(offset: 0, length: 0)
        }
        guard fixedLength + UInt64(rest.count) <= header.clusterSize,
            backing?.name.utf8.count ?? 0 <= BackingReference.maximumNameLength
        else {
            throw ImageError(
                .invalidOption, "the name of the backing file is too long for the image", advice: "use a shorter one",
                path: file.path)
        }
        // What was there before, up to its end, must not be taken for anything.
        let oldEnd = max(listEnd, header.backingFileOffset + UInt64(header.backingFileSize))
        let old = oldEnd - min(oldEnd, fixedLength + UInt64(rest.count))
        rest += [UInt8](repeating: 0, count: Int(min(old, header.clusterSize - fixedLength - UInt64(rest.count))))
        try edit.write(followedBy: rest, to: output)
    }
}
