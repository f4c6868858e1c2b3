package import GuestDisk

/// An XFS filesystem of version 4 or 5: everything can be read, and files be overwritten in the blocks that they have.
///
/// ```
///   allocation group 0                          group 1             …
///   │ superblock │ AGF │ AGI │ … blocks … log … │ (copy) │ AGF │ … │
/// ```
/// - ``Superblock`` says how it is laid out, ``Geometry`` where blocks and inodes are.
/// - ``Inode`` has one or two ``Fork``s, whose blocks ``ForkMap`` finds.
/// - ``Directory``, ``SymbolicLink`` and ``AttributeList`` read what is in them.
/// - ``Log`` tells whether the filesystem was unmounted.
package final class XFSFilesystem: Filesystem {
    let volume: Volume
    /// Whether changes are only in the log. What is read is what is on the disk then, without them; whether that is good
    /// enough is for the caller to say.
    package let logState: LogState

    package static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool {
        try device.has(Superblock.magic, at: 0)
    }

    package init(device: any BlockDevice) throws(GuestError) {
        let superblock = try Superblock(device)
        volume = Volume(device: device, superblock: superblock)
        switch superblock.log {
        case .external: logState = .external
        case .internal(let range): logState = try Log(device, range).state()
        }
    }

    package var identity: FilesystemIdentity { volume.superblock.identity }

    package var root: FileID { FileID(volume.superblock.rootInode) }

    package var writability: Writability { whyNotWritable == nil ? .inPlace : .none }

    /// Why nothing can be written; nil if files can be overwritten.
    package var whyNotWritable: GuestError? {
        if volume.superblock.features.hasUnknownReadOnlyFeatures {
            return GuestError(.unsupported, "the XFS filesystem has features with which only reading is safe")
        }
        switch logState {
        case .clean: return nil
        case .dirty(let reason): return GuestError(.unclean, "the XFS filesystem's log \(reason)")
        case .external: return GuestError(.unsupported, "the XFS filesystem has its log on another device")
        }
    }

    package var warnings: [String] { whyNotWritable.map { [$0.message] } ?? [] }

    package func flush() throws(GuestError) {
        // Nothing is kept back.
    }
}
