import ByteLayout
import CLinux
package import DiskImage
import SystemPackage

/// A disk with changes that only we know: what is written stays in a temporary file, and the disk below is never touched.
///
/// That makes a fixup a transaction: until ``layer()`` is used for something, nothing has happened.
package final class OverlayDevice: BlockDevice {
    /// What is kept of a change is whole blocks of this many bytes: a page, and the block of most filesystems.
    package static let blockSize = 4096

    /// Bytes of the disk.
    package let size: UInt64
    private let base: any BlockDevice
    /// Holds the changed blocks in the order in which they were first written. Has no name, so it ends with us.
    private let storage: FileDescriptor
    /// Where in the storage each changed block is: the number of a block there.
    private var places: [UInt64: Int] = [:]

    /// - Throws: ``GuestError`` `disk` if there can be no temporary file.
    package init(over base: any BlockDevice) throws(GuestError) {
        self.base = base
        size = base.size
        let number = linux_temporary_file()
        guard number >= 0 else { throw GuestError(.disk, "can't make a temporary file: \(Errno.current)") }
        storage = FileDescriptor(rawValue: number)
    }

    deinit { try? storage.close() }

    /// The changed blocks, by number, in order.
    package var changedBlocks: [UInt64] { places.keys.sorted() }

    /// Bytes of the disk that belong to blocks which have been written.
    package var changedBytes: UInt64 { UInt64(places.count * Self.blockSize) }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        var position = 0
        while position < buffer.count {
            let start = offset + UInt64(position)
            let (length, place) = run(at: start, limit: buffer.count - position)
            // Safe: inside the buffer, since the run is no longer than what is left of it.
            let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[position..<position + length])
            if let place {
                unsafe try load(part, from: place)
            } else {
                unsafe try base.read(at: start, into: part)
            }
            position += length
        }
    }

    /// How many bytes from `offset` on, at most `limit`, are in one place: of the storage, or, if that is nil, of the base.
    private func run(at offset: UInt64, limit: Int) -> (length: Int, place: UInt64?) {
        let blockSize = UInt64(Self.blockSize)
        var block = offset / blockSize
        let within = offset % blockSize
        let first = places[block]
        var length = Self.blockSize - Int(within)
        while length < limit {
            block += 1
            guard places[block] == first.map({ $0 + Int(block - offset / blockSize) }) else { break }
            length += Self.blockSize
        }
        return (min(length, limit), first.map { UInt64($0) * blockSize + within })
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, bytes.count)
        var position = 0
        while position < bytes.count {
            let start = offset + UInt64(position)
            let within = Int(start % UInt64(Self.blockSize))
            let length = min(Self.blockSize - within, bytes.count - position)
            // Safe: inside the buffer.
            let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
            unsafe try writeInBlock(part, start / UInt64(Self.blockSize), at: within)
            position += length
        }
    }

    /// Writes a part of a block. A block is only changed by what differs: filesystems write much as it was.
    private func writeInBlock(_ bytes: UnsafeRawBufferPointer, _ block: UInt64, at within: Int) throws(GuestError) {
        let start = block * UInt64(Self.blockSize)
        if let place = places[block] {
            unsafe try store(bytes, at: UInt64(place * Self.blockSize + within))
            return
        }
        // The last block of a disk may end behind it.
        var content = try read(at: start, count: Int(min(UInt64(Self.blockSize), size - start)))
        content += [UInt8](repeating: 0, count: Self.blockSize - content.count)
        guard !(unsafe content[within..<within + bytes.count].elementsEqual(bytes)) else { return }
        unsafe content.replaceSubrange(within..<within + bytes.count, with: bytes)
        let place = places.count
        try store(content, at: UInt64(place * Self.blockSize))
        places[block] = place
    }

    private func load(_ buffer: UnsafeMutableRawBufferPointer, from place: UInt64) throws(GuestError) {
        do {
            let count = unsafe try storage.read(fromAbsoluteOffset: Int64(place), into: buffer)
            guard count == buffer.count else { throw Errno.ioError }
        } catch {
            throw GuestError(.disk, "can't read back a change: \(error)")
        }
    }

    private func store(_ bytes: [UInt8], at place: UInt64) throws(GuestError) {
        do {
            // Safe: the array's bytes are read during the call only.
            _ = unsafe try bytes.withUnsafeBytes { unsafe try storage.writeAll(toAbsoluteOffset: Int64(place), $0) }
        } catch {
            throw GuestError(.disk, "can't keep a change in a temporary file: \(error)")
        }
    }

    private func store(_ bytes: UnsafeRawBufferPointer, at place: UInt64) throws(GuestError) {
        do {
            _ = unsafe try storage.writeAll(toAbsoluteOffset: Int64(place), bytes)
        } catch {
            throw GuestError(.disk, "can't keep a change in a temporary file: \(error)")
        }
    }

    /// The changes as a layer of a disk, which lacks all else.
    ///
    /// Must not be written to from then on.
    package func layer() throws(ImageError) -> sending any DiskMap {
        let file = try ImageFile(
            path: "changes", location: FilePath("/proc/self/fd/\(storage.rawValue)"), lock: false)
        return OverlayMap(file: file, virtualSize: size, places: places)
    }
}
