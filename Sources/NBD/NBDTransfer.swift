import Glibc

/// One request that transfers between memory and an export.
///
/// Safe to share: until it has finished nobody but libnbd touches the memory, then whoever is told so.
@safe final class NBDTransfer: @unchecked Sendable {
    /// Where the request starts.
    let offset: UInt64
    /// What the request transfers: the start of the caller's memory, or a block around what the caller wants.
    let requested: UnsafeMutableRawBufferPointer
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes of the block before those the caller wants; nil if no block of our own is needed.
    private let skipped: Int?

    /// A request for the first part of `memory`, at least a byte of it.
    /// - Parameter offset: where in the export; of a write a multiple of the block size, as is its length.
    init(
        _ direction: NBDConnection.Direction, at offset: UInt64, memory: UnsafeMutableRawBufferPointer,
        _ blockSize: NBDBlockSize
    ) {
        let range = blockSize.request(at: offset, count: memory.count)
        unsafe self.memory = unsafe memory
        if range.lowerBound == offset, range.count <= memory.count {
            // Safe: the start of the memory.
            unsafe requested = UnsafeMutableRawBufferPointer(rebasing: memory[..<range.count])
            skipped = nil
        } else {
            precondition(direction == .read, "a write must have whole blocks")
            unsafe requested = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
            skipped = Int(offset - range.lowerBound)
        }
        self.offset = range.lowerBound
    }

    deinit {
        if skipped != nil { unsafe requested.deallocate() }
    }

    /// Bytes of the memory that it transfers.
    var length: Int {
        guard let skipped else { return unsafe requested.count }
        return unsafe min(requested.count - skipped, memory.count)
    }

    /// The request has succeeded: puts into the memory what the caller wants.
    func finish() {
        guard let skipped else { return }
        // Safe: the length is cut to both.
        unsafe memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: requested[skipped..<skipped + length]))
    }
}
