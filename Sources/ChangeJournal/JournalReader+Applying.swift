import DiskImage

extension JournalReader {
    /// Throws unless each sector of the images has what it had before the change, or what it will have.
    func requireUntouched(_ files: [EditableFile]) throws(ImageError) {
        let readers = try files.map { (file) throws(ImageError) in try file.reader() }
        for (image, reader) in zip(head.images, readers) where image.inode != 0 {
            guard image.size == reader.size else { throw touched(reader, at: nil) }
        }
        try forEachRecord { (record) throws(ImageError) in
            let image = readers[record.image]
            guard record.offset + UInt64(record.length) <= image.size else { throw touched(image, at: nil) }
            let present = try image.read(at: record.offset, count: record.length, what: "image")
            let now = ChangeJournal.checksums(of: present)
            for (index, before) in record.before.enumerated() where now[index] != before {
                let start = index * ChangeJournal.sectorSize
                let end = min(start + ChangeJournal.sectorSize, record.length)
                guard let content = record.content, present[start..<end] == content[start..<end] else {
                    throw touched(image, at: record.offset + UInt64(start))
                }
            }
        }
    }

    private func touched(_ image: ImageFile, at offset: UInt64?) -> ImageError {
        ImageError(
            .outputFailed, "a change of the image was interrupted, and somebody has written to the image since",
            advice: "restore it from a copy; or take it as it is, and remove \(path)", path: image.path, offset: offset)
    }

    /// Writes what is to be in the images; as often as that takes.
    func apply(to files: [EditableFile]) throws(ImageError) {
        try forEachRecord { (record) throws(ImageError) in
            if let content = record.content {
                try files[record.image].write(content, at: HostOffset(record.offset))
            }
        }
        for file in files { try file.barrier() }
    }
}
