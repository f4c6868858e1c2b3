import DiskImage
import GuestFixups

/// The guest of a source as it will be after a fixup. It is fixed before the disk is converted, as a layer of changed blocks
/// over the source: so any format can be written, in one pass, and the source isn't touched.
struct FixedGuest {
    let result: FixupResult
    /// The changed blocks; nil if there are none.
    let changes: (any DiskMap)?

    /// - Throws: `invalidOption` if the source comes front to back, or about the options. That the guest can't be fixed is told
    ///   by the result.
    static func make(
        _ source: DiskImageSource, _ reader: any ImageReader, _ options: FixupOptions
    ) throws(ImageError) -> sending FixedGuest {
        var fixup = try options.makeFixup()
        fixup.adapters = reader.hardware.networkAdapters
        if let stream = try source.makeStream(reader) {
            throw ImageError(
                .invalidOption, "the guest in what comes front to back can't be fixed on the way",
                advice: "save the input to a file, or run fixup on the output", path: stream.path)
        }
        let map = try source.makeMap(reader)
        do throws(ImageError) {
            let session = try GuestSession([map])
            let result = try session.run(fixup)
            return FixedGuest(
                result: result, changes: session.isChanged(0) && !result.changes.isEmpty ? try session.layer(0) : nil)
        } catch {
            return FixedGuest(result: FixupResult(failure: error.message), changes: nil)
        }
    }
}
