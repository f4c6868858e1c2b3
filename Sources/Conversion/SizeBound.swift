package import DiskImage

/// How large an output can become at most, told by the maps alone: nothing is read.
///
/// The real writer places every chunk of which the maps know data, whole; what it writes goes nowhere. So the bound is
/// reached where all that is mapped is stored, and only there.
package enum SizeBound {
    /// The bytes of the files, by number, that `writer` makes of `source` at most.
    /// - Parameters:
    ///   - minimumZeroRun: shortest run of zeros that is left out, in bytes; 0 to write every byte.
    ///   - job: may cancel it.
    package static func sizes(
        of source: sending CopySource, _ writer: any ImageWriter, minimumZeroRun: Int, job: Job
    ) throws(ImageError) -> [UInt64] {
        let planner = Planner(source, includesHoles: minimumZeroRun == 0 && source.backing == nil)
        let encoder = ChunkEncoder(layout: writer.layout, minimumZeroRun: minimumZeroRun)
        let sink = DiscardingSink()
        while let chunk = try planner.next() {
            try job.check()
            _ = try writer.place(encoder.bound(chunk), output: sink)
        }
        return try writer.finish(output: sink)
    }
}
