import CExt2fs
import Glibc
import GuestDisk

/// What libext2fs calls an I/O channel, on a device of ours.
///
/// The library numbers blocks of ``blockSize`` bytes and tells a transfer's length in them, or, if it is negative, in bytes.
/// It is told of an error by a number only; the error itself waits here until ``LibraryHandle/call(_:_:)`` throws it.
@safe final class DeviceChannel {
    let device: any BlockDevice
    /// What went wrong in the call of the library that is running.
    var problem: GuestError?
    /// How many more transfers the call that is running may make: a damaged filesystem can lead the library in circles.
    var transfersLeft = 0

    /// Longest transfer that is believed. The longest that the library asks for is a group's inode table, of which it takes
    /// some blocks at a time.
    private static let longestTransfer = 64 << 20

    init(_ device: any BlockDevice) {
        self.device = device
    }

    /// What ``manager`` is told to open: where this object is.
    var name: String {
        // Safe: only a number; whoever opens it keeps the object alive.
        String(UInt(bitPattern: unsafe Unmanaged.passUnretained(self).toOpaque()))
    }

    /// How many transfers an operation on a device of `size` bytes may make, at most. To read everything, in blocks of the
    /// smallest size, takes fewer on a device of 2 GiB; on a larger one no sound directory or tree comes near it.
    static func transferLimit(deviceSize size: UInt64) -> Int {
        Int(min(1 << 22, 4096 + size / 512))
    }

    private func transfer(
        _ block: UInt64, _ count: Int32, blockSize: Int32,
        _ body: (_ offset: UInt64, _ length: Int) throws(GuestError) -> Void
    ) -> errcode_t {
        do throws(GuestError) {
            let (offset, overflow) = block.multipliedReportingOverflow(by: UInt64(blockSize))
            let length = count < 0 ? -Int(count) : Int(count) * Int(blockSize)
            guard !overflow, length <= Self.longestTransfer else {
                throw GuestError(.damaged, "\(length) bytes should be at block \(block) of the filesystem")
            }
            guard transfersLeft > 0 else {
                throw GuestError(.damaged, "a structure of the filesystem goes round in circles, or is too large")
            }
            transfersLeft -= 1
            try device.requireInside(offset, length)
            try body(offset, length)
            return 0
        } catch {
            // The first error is the cause of those that follow.
            problem = problem ?? error
            return errcode_t(EIO)
        }
    }
}

extension DeviceChannel {
    /// The table of functions by which the library does its I/O. What is missing in it, the library does by those.
    ///
    /// Safe: never changed after it has been made, and never freed.
    nonisolated(unsafe) static let manager: UnsafeMutablePointer<struct_io_manager> = {
        let manager = UnsafeMutablePointer<struct_io_manager>.allocate(capacity: 1)
        unsafe manager.initialize(to: struct_io_manager())
        unsafe manager.pointee.magic = errcode_t(EXT2_ET_MAGIC_IO_MANAGER)
        unsafe manager.pointee.open = { unsafe DeviceChannel.open($0, $2) }
        unsafe manager.pointee.close = { unsafe DeviceChannel.close($0) }
        unsafe manager.pointee.set_blksize = { channel, size in
            unsafe channel?.pointee.block_size = size
            return 0
        }
        unsafe manager.pointee.read_blk = { unsafe DeviceChannel.read($0, UInt64($1), $2, $3) }
        unsafe manager.pointee.write_blk = { unsafe DeviceChannel.write($0, UInt64($1), $2, $3) }
        unsafe manager.pointee.read_blk64 = { unsafe DeviceChannel.read($0, $1, $2, $3) }
        unsafe manager.pointee.write_blk64 = { unsafe DeviceChannel.write($0, $1, $2, $3) }
        unsafe manager.pointee.flush = { _ in 0 }
        return unsafe manager
    }()

    private static func open(
        _ name: UnsafePointer<CChar>?, _ result: UnsafeMutablePointer<io_channel?>?
    ) -> errcode_t {
        // Safe: `name` is what the property of that name has said, of an object that is alive.
        guard let name = unsafe name, let address = UInt(unsafe String(cString: name)),
            let object = unsafe UnsafeMutableRawPointer(bitPattern: address)
        else { return errcode_t(EXT2_ET_BAD_DEVICE_NAME) }
        let channel = UnsafeMutablePointer<struct_io_channel>.allocate(capacity: 1)
        unsafe channel.initialize(to: struct_io_channel())
        unsafe channel.pointee.magic = errcode_t(EXT2_ET_MAGIC_IO_CHANNEL)
        unsafe channel.pointee.manager = manager
        unsafe channel.pointee.block_size = 1024
        unsafe channel.pointee.refcount = 1
        unsafe channel.pointee.private_data = object
        unsafe result?.pointee = channel
        return 0
    }

    private static func close(_ channel: io_channel?) -> errcode_t {
        guard let channel = unsafe channel else { return 0 }
        unsafe channel.pointee.refcount -= 1
        // Safe: the library gives up what `open` has allocated.
        if unsafe channel.pointee.refcount == 0 { unsafe channel.deallocate() }
        return 0
    }

    /// Safe: `open` has put the object there, and the handle that owns the channel keeps it alive.
    private static func object(of channel: io_channel) -> DeviceChannel {
        unsafe Unmanaged<DeviceChannel>.fromOpaque(channel.pointee.private_data).takeUnretainedValue()
    }

    private static func read(
        _ channel: io_channel?, _ block: UInt64, _ count: Int32, _ data: UnsafeMutableRawPointer?
    ) -> errcode_t {
        guard let channel = unsafe channel else { return errcode_t(EINVAL) }
        let object = unsafe object(of: channel)
        return unsafe object.transfer(block, count, blockSize: channel.pointee.block_size) {
            (offset, length) throws(GuestError) in
            // Safe: the library's buffer has the length that it asks for.
            unsafe try object.device.read(at: offset, into: UnsafeMutableRawBufferPointer(start: data, count: length))
        }
    }

    private static func write(
        _ channel: io_channel?, _ block: UInt64, _ count: Int32, _ data: UnsafeRawPointer?
    ) -> errcode_t {
        guard let channel = unsafe channel else { return errcode_t(EINVAL) }
        let object = unsafe object(of: channel)
        return unsafe object.transfer(block, count, blockSize: channel.pointee.block_size) {
            (offset, length) throws(GuestError) in
            // Safe: as for reading.
            unsafe try object.device.write(UnsafeRawBufferPointer(start: data, count: length), at: offset)
        }
    }
}
