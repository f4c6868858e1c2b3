package import GuestDisk

extension FATFilesystem {
    package func remove(_ name: [UInt8], in directory: FileID) throws(GuestError) {
        try requireWritable()
        let parent = try self.directory(directory)
        guard let (entry, file) = find(name, in: parent) else {
            throw GuestError(.notFound, "the directory has no such file")
        }
        let runs = try runs(of: regularFile(file))
        try change { () throws(GuestError) in
            for slot in entry.slots {
                try device.write([ShortEntry.deleted], at: parent.position(ofSlot: slot))
            }
            try free(runs)
        }
    }
}
