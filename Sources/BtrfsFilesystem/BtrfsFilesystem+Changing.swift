package import GuestDisk

/// Nothing but contents is changed: every other change moves nodes.
extension BtrfsFilesystem {
    /// - Throws: `unsupported` if nothing is written; what went wrong halfway through an earlier change.
    func requireWritable() throws(GuestError) {
        if let failure { throw failure }
        let superblock = space.superblock
        let log = superblock.hasLog ? "it was not unmounted, and its log could undo what is changed" : nil
        guard let obstacle = superblock.obstacle ?? log else { return }
        throw GuestError(.unsupported, "the btrfs filesystem isn't written to: \(obstacle)")
    }

    package func create(
        _ name: [UInt8], in directory: FileID, _ content: NewFile
    ) throws(GuestError) -> FileID { throw Self.refusal }

    package func remove(_ name: [UInt8], in directory: FileID) throws(GuestError) { throw Self.refusal }

    private static var refusal: GuestError {
        GuestError(.unsupported, "files aren't made or removed on btrfs, only overwritten")
    }

    /// Puts nothing anywhere: every change goes to the device at once.
    package func flush() throws(GuestError) {
        if let failure { throw failure }
    }
}
