/// Bytes that are read and written at any position: a disk, a partition of it, or a volume.
///
/// Used by one thread at a time. Writes go to an ``OverlayDevice``, never to the image itself.
package protocol BlockDevice: AnyObject {
    /// Bytes of the device.
    var size: UInt64 { get }

    /// Fills `buffer` from `offset`.
    /// - Throws: ``GuestError`` `damaged` if the range is not inside the device; `disk` if it can't be read.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError)

    /// Replaces the bytes from `offset`, as many as `bytes` has.
    /// - Throws: ``GuestError`` `damaged` if the range is not inside the device; `disk` if it can't be written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError)
}

extension BlockDevice {
    /// The `count` bytes from `offset`; nothing is allocated unless they are inside the device.
    package func read(at offset: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        try requireInside(offset, count)
        guard count > 0 else { return [] }
        var problem: GuestError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(GuestError) {
                // Safe: the buffer is filled whole, or an error is thrown.
                unsafe try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
                filled = count
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// Replaces the bytes from `offset`.
    package func write(_ bytes: [UInt8], at offset: UInt64) throws(GuestError) {
        var problem: GuestError?
        // Safe: the array's bytes are read during the call only.
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(GuestError) {
                unsafe try write(buffer, at: offset)
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
    }

    /// Whether `signature` is at `offset`; not if the device ends before.
    package func has(_ signature: [UInt8], at offset: UInt64) throws(GuestError) -> Bool {
        guard offset <= size, UInt64(signature.count) <= size - offset else { return false }
        return try read(at: offset, count: signature.count) == signature
    }

    /// Throws `damaged` unless the `count` bytes from `offset` are inside the device.
    package func requireInside(_ offset: UInt64, _ count: Int) throws(GuestError) {
        guard offset <= size, UInt64(count) <= size - offset else {
            throw GuestError(.damaged, "something should be at byte \(offset), but the device has \(size) bytes")
        }
    }
}
