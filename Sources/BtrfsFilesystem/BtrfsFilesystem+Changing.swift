package import GuestDisk

/// Nothing is changed. Each change is an error that says so.
extension BtrfsFilesystem {
    private static let refusal = GuestError(
        .unsupported,
        "files on btrfs aren't changed: every block is shared with older states, and checked by other blocks")

    package func capacity(of file: FileID) throws(GuestError) -> UInt64 { throw Self.refusal }

    package func overwrite(_ file: FileID, with content: [UInt8]) throws(GuestError) { throw Self.refusal }

    package func create(
        _ name: [UInt8], in directory: FileID, _ content: NewFile
    ) throws(GuestError) -> FileID { throw Self.refusal }

    package func remove(_ name: [UInt8], in directory: FileID) throws(GuestError) { throw Self.refusal }

    package func flush() throws(GuestError) {}
}
