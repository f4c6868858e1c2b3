package import DiskImage

/// Writes a fixed VHD: the bytes of the disk and the footer.
package final class VHDFixedWriter: ImageWriter {
    package let layout: WriterLayout
    private var form: VHDForm

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, whole sectors.
    ///   - unitSize: granularity of zero detection in bytes.
    /// - Throws: `invalidOption` if the disk is too large for a VHD.
    package init(virtualSize: UInt64, options: VHDOptions, unitSize: Int) throws(ImageError) {
        form = try VHDForm(virtualSize: virtualSize, options: options)
        layout = WriterLayout(unitSize: unitSize, keepsOffsets: true, hasChecksums: true, unusedPlaces: .disk)
    }

    /// The disk and the footer.
    package var fullSizes: [UInt64]? { [form.size + UInt64(VHDFooter.length)] }

    package var warnings: [String] { form.warnings }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        form.digest.add(chunk)
        try output.reserve(upTo: chunk.offset.bytes + chunk.length)
        return Placement(plain: [Placement.Piece(length: chunk.length, at: HostOffset(chunk.offset.bytes))])
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        try output.barrier()
        try output.write(form.footer(), at: HostOffset(form.size))
        return [form.size + UInt64(VHDFooter.length)]
    }
}
