/// A change of an image of which all is done but the last step.
package protocol PreparedChange {
    /// Bytes of the disk that change, and what else is lost.
    var report: CommitReport { get }

    /// Whether the last step is one write that is there whole or not at all.
    var isAtomic: Bool { get }

    /// Parts of the image that must not change before the last step: what it makes valid, and what it gives up.
    var premises: [Range<UInt64>] { get }

    /// Calls `body` with what the last step writes, in its order: at most 1 MiB each, from the start of a sector on, whole sectors
    /// except at the end of the image.
    func forEachWrite(
        _ body: (_ offset: UInt64, _ bytes: [UInt8]) throws(ImageError) -> Void
    ) throws(ImageError)

    /// Gives back what nothing needs after the last step.
    func finish() throws(ImageError)
}

extension PreparedChange {
    /// Makes the last step, behind all that was written before; what comes later is behind it.
    package func makeLastStep(_ output: any OutputSink) throws(ImageError) {
        try output.barrier()
        try forEachWrite { (offset, bytes) throws(ImageError) in try output.write(bytes, at: HostOffset(offset)) }
        try output.barrier()
    }
}
