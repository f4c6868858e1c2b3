/// The content of a logical volume, linear or striped.
package final class LogicalVolumeDevice: BlockDevice {
    /// A part of the volume in one place, or spread evenly over several.
    struct Run {
        /// In the volume.
        var bytes: Range<UInt64>
        /// Where the first, second, … ``stripeSize`` bytes are, in turns.
        var stripes: [Stripe]
        var stripeSize: UInt64
    }

    struct Stripe {
        var device: any BlockDevice
        /// In the device.
        var start: UInt64
    }

    package let size: UInt64
    /// In the order of the volume, without gaps.
    private let runs: [Run]

    init(_ runs: [Run], name: String) throws(GuestError) {
        self.runs = runs.sorted { $0.bytes.lowerBound < $1.bytes.lowerBound }
        var end: UInt64 = 0
        for run in self.runs {
            guard run.bytes.lowerBound == end, run.stripeSize > 0 else {
                throw GuestError(.damaged, "the segments of the volume \(name) overlap or leave gaps")
            }
            end = run.bytes.upperBound
        }
        size = end
    }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        var position = 0
        while position < buffer.count {
            let part = try self.part(at: offset + UInt64(position), limit: buffer.count - position)
            // Safe: inside the buffer.
            unsafe try part.device.read(
                at: part.offset,
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[position..<position + part.length]))
            position += part.length
        }
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, bytes.count)
        var position = 0
        while position < bytes.count {
            let part = try self.part(at: offset + UInt64(position), limit: bytes.count - position)
            // Safe: inside the buffer.
            unsafe try part.device.write(
                UnsafeRawBufferPointer(rebasing: bytes[position..<position + part.length]), at: part.offset)
            position += part.length
        }
    }

    /// What is contiguous on one device from `offset` on, at most `limit` bytes.
    private func part(
        at offset: UInt64, limit: Int
    ) throws(GuestError) -> (device: any BlockDevice, offset: UInt64, length: Int) {
        guard let run = runs.first(where: { offset < $0.bytes.upperBound }) else {
            throw GuestError(.damaged, "a volume ends before byte \(offset)")
        }
        let within = offset - run.bytes.lowerBound
        var length = run.bytes.upperBound - offset
        guard run.stripes.count > 1 else {
            return (run.stripes[0].device, run.stripes[0].start + within, Int(min(length, UInt64(limit))))
        }
        let row = within / run.stripeSize
        let stripe = run.stripes[Int(row % UInt64(run.stripes.count))]
        length = min(length, run.stripeSize - within % run.stripeSize)
        let place = row / UInt64(run.stripes.count) * run.stripeSize + within % run.stripeSize
        return (stripe.device, stripe.start + place, Int(min(length, UInt64(limit))))
    }
}
