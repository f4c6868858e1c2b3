import ByteLayout
package import GuestDisk

extension FATFilesystem {
    /// Owner, attributes, and permissions but for those to write can't be kept. The directory's own times stay. An empty
    /// directory can be made too; symbolic links there are none.
    package func create(_ name: [UInt8], in directory: FileID, _ content: NewFile) throws(GuestError) -> FileID {
        try requireWritable()
        var parent = try self.directory(directory)
        let (short, parts) = try names(for: name, in: parent)
        let (bytes, clusters) = try contentSize(content)
        let slots = parent.freeSlots(parts.count + 1)..<parent.freeSlots(parts.count + 1) + parts.count + 1
        let growth = try growth(of: parent, to: slots.upperBound)
        let free = try findFree(growth + clusters)
        let own = free.dropFirst(clusters: growth)
        let parentCluster = try directory == root ? 0 : shortEntry(directory).firstCluster(geometry.width)
        return try change { () throws(GuestError) in
            try grow(&parent, by: free.prefix(clusters: growth))
            try take(own)
            var entry = ShortEntry(name: short, attributes: Self.attributes(of: content), modified: content.modified)
            entry.setFirstCluster(own.first?.first ?? 0, geometry.width)
            if let bytes {
                entry.size = UInt32(bytes.count)
                try write(bytes, to: own)
            } else {
                try write(firstSlots(of: entry, parent: parentCluster), to: own)
            }
            return try write(parts + [entry.bytes], to: slots, of: parent)
        }
    }

    /// The content of a regular file, nil for a directory, and how many clusters it takes.
    private func contentSize(_ content: NewFile) throws(GuestError) -> (bytes: [UInt8]?, clusters: Int) {
        switch content.content {
        case .regular(let bytes): (bytes, try clusterCount(for: bytes.count))
        case .directory: (nil, 1)
        case .symbolicLink: throw GuestError(.unsupported, "FAT has no symbolic links")
        }
    }

    private static func attributes(of content: NewFile) -> UInt8 {
        if case .directory = content.content { return ShortEntry.Attributes.directory }
        let isReadOnly = content.permissions & 0o222 == 0
        return ShortEntry.Attributes.archive | (isReadOnly ? ShortEntry.Attributes.readOnly : 0)
    }

    /// What a new file is called in the short form, and the parts of the long one if that does not do.
    private func names(for name: [UInt8], in parent: Directory) throws(GuestError) -> (ShortName, [[UInt8]]) {
        guard let name = String(validating: name, as: UTF8.self), LongName.isAllowed(name) else {
            throw GuestError(.unsupported, "a file can't have that name")
        }
        let entries = parent.entries
        let taken = Set(entries.flatMap { [$0.name.caseFolded, $0.short.name.text?.caseFolded ?? []] })
        guard !taken.contains(name.caseFolded) else {
            throw GuestError(.unsupported, "there is already a file of that name")
        }
        let shorts = Set(entries.map(\.short.name.stored))
        if let short = ShortName(exactly: name), !shorts.contains(short.stored) { return (short, []) }
        for number in 1...ShortName.maximumAliasNumber {
            let alias = ShortName(aliasOf: name, number: number)
            guard let text = alias.text, !taken.contains(text.caseFolded), !shorts.contains(alias.stored) else {
                continue
            }
            return (alias, LongName.parts(of: name, alias: alias))
        }
        throw GuestError(.noSpace, "the directory has too many similar names")
    }

    /// How many clusters a directory lacks for `slotCount` slots.
    private func growth(of directory: Directory, to slotCount: Int) throws(GuestError) -> Int {
        let missing = (slotCount - directory.slotCount) * ShortEntry.length
        guard missing > 0 else { return 0 }
        let clusters = Int(UInt(missing).dividedUp(by: UInt(geometry.clusterSize)))
        guard directory.lastCluster != nil,
            directory.bytes.count + clusters * geometry.clusterSize <= Directory.maximumSize
        else { throw GuestError(.noSpace, "the directory has no room for another name") }
        return clusters
    }

    private func grow(_ directory: inout Directory, by runs: [ClusterRun]) throws(GuestError) {
        try take(runs, behind: directory.lastCluster)
        try write([], to: runs)
        for run in runs {
            let start = geometry.offset(ofCluster: run.first)
            let length = Int(run.count) * geometry.clusterSize
            directory.extents.append(start..<start + UInt64(length))
            directory.bytes += [UInt8](repeating: 0, count: length)
        }
    }

    /// The names of a new directory for itself and its parent, whose cluster is 0 if it is the root.
    private func firstSlots(of entry: ShortEntry, parent: UInt32) -> [UInt8] {
        var (own, above) = (entry, entry)
        own.name = .current
        above.name = .parent
        above.setFirstCluster(parent, geometry.width)
        return own.bytes + above.bytes
    }

    /// Writes what a file is called. If it was the end of the directory, the end is behind it now, whatever has been there.
    private func write(
        _ contents: [[UInt8]], to slots: Range<Int>, of directory: Directory
    ) throws(GuestError) -> FileID {
        for (slot, bytes) in zip(slots, contents) { try device.write(bytes, at: directory.position(ofSlot: slot)) }
        let wasEnd = slots.contains { directory.slot($0).bytes[0] == ShortEntry.end }
        if wasEnd, slots.upperBound < directory.slotCount {
            try device.write([ShortEntry.end], at: directory.position(ofSlot: slots.upperBound))
        }
        return FileID(directory.position(ofSlot: slots.upperBound - 1) / UInt64(ShortEntry.length))
    }
}
