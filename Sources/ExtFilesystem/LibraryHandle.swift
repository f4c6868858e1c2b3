import CExt2fs
import Glibc
import GuestDisk

/// A filesystem that libext2fs has opened. What was changed and not flushed is forgotten with it.
@safe final class LibraryHandle {
    /// Safe: lives as long as this object, and is used by one thread at a time.
    let filesystem: UnsafeMutablePointer<struct_ext2_filsys>
    private let channel: DeviceChannel

    /// Opens the filesystem on `device`, without reading its bitmaps. The superblock's checksum is verified.
    /// - Parameter now: what the library takes for the current time, in seconds since 1970, so that what it writes depends on
    ///   nothing else.
    init(_ device: any BlockDevice, writable: Bool, now: UInt32) throws(GuestError) {
        Self.silence
        let channel = DeviceChannel(device)
        // A filesystem with multiple mount protection was copied with its host's claim on it: nobody uses the copy.
        let flags = EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | (writable ? EXT2_FLAG_RW : 0)
        var opened: ext2_filsys?
        try Self.call("the filesystem can't be opened", on: channel) {
            unsafe ext2fs_open2(channel.name, nil, flags, 0, 0, DeviceChannel.manager, &opened)
        }
        guard let opened = unsafe opened else { throw GuestError(.damaged, "the filesystem can't be opened") }
        unsafe opened.pointee.now = time_t(max(now, 1))
        // As the kernel does: the copies of the superblock are for when the first is lost.
        unsafe opened.pointee.flags |= EXT2_FLAG_MASTER_SB_ONLY
        unsafe opened.pointee.default_bitmap_type = UInt16(EXT2FS_BMAP64_BITARRAY)
        self.channel = channel
        unsafe filesystem = opened
    }

    deinit {
        // Safe: nothing uses it any more. Does not write.
        unsafe ext2fs_free(filesystem)
    }

    /// Calls the library and throws what went wrong: an error of the device as it was, else one with the library's words.
    /// - Parameter what: what can't be done, to begin the message with.
    func call(_ what: @autoclosure () -> String, _ body: () -> errcode_t) throws(GuestError) {
        try Self.call(what(), on: channel, body)
    }

    /// `call` for what is built on calls: within `body`, a call may be made by a function that the library calls.
    private static func call(
        _ what: @autoclosure () -> String, on channel: DeviceChannel, _ body: () -> errcode_t
    ) throws(GuestError) {
        let (outerProblem, outerTransfers) = (channel.problem, channel.transfersLeft)
        channel.problem = nil
        channel.transfersLeft = DeviceChannel.transferLimit(deviceSize: channel.device.size)
        let code = body()
        let problem = channel.problem
        (channel.problem, channel.transfersLeft) = (outerProblem, outerTransfers)
        if let problem { throw problem }
        if code != 0 { throw GuestError(libraryError: code, what()) }
    }

    /// The library warns of numbers outside its bitmaps on the standard error, by com_err; they come as errors too.
    private static let silence: Void = {
        initialize_ext2_error_table()
        _ = unsafe set_com_err_hook { _, _, _, _ in }
    }()
}

extension GuestError {
    /// What the library's error `code` is to us.
    init(libraryError code: errcode_t, _ what: String) {
        let kind: Code =
            switch code {
            case EXT2_ET_BLOCK_ALLOC_FAIL, EXT2_ET_INODE_ALLOC_FAIL, EXT2_ET_DIR_NO_SPACE, EXT2_ET_EXTENT_NO_SPACE,
                EXT2_ET_EA_NO_SPACE, EXT2_ET_INLINE_DATA_NO_SPACE, errcode_t(ENOSPC):
                .noSpace
            case EXT2_ET_UNSUPP_FEATURE, EXT2_ET_RO_UNSUPP_FEATURE, EXT2_ET_FILE_TOO_BIG, EXT2_ET_DIRHASH_UNSUPP,
                EXT2_ET_REV_TOO_HIGH, errcode_t(ENOMEM):
                .unsupported
            default: .damaged
            }
        // Safe: the library's text is constant, or made for this thread.
        self.init(kind, unsafe "\(what): \(String(cString: error_message(code)))")
    }
}
