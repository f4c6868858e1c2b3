/// A part of a device, as a device of its own: a partition.
package final class DeviceSlice: BlockDevice {
    private let whole: any BlockDevice
    private let start: UInt64
    package let size: UInt64

    /// The bytes `range` of `whole`.
    /// - Throws: `damaged` if they are not inside it.
    package init(_ whole: any BlockDevice, _ range: Range<UInt64>) throws(GuestError) {
        guard range.upperBound <= whole.size else {
            throw GuestError(.damaged, "a part ends at byte \(range.upperBound) of a disk of \(whole.size) bytes")
        }
        self.whole = whole
        start = range.lowerBound
        size = range.upperBound - range.lowerBound
    }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        unsafe try whole.read(at: start + offset, into: buffer)
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, bytes.count)
        unsafe try whole.write(bytes, at: start + offset)
    }
}
