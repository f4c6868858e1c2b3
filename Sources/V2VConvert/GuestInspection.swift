import Conversion
import DiskImage
public import GuestFixups

/// Looks at the guest in disk images: how the disks are divided, what is installed on them, and (``plan()``) what would have
/// to be changed to make it boot on KVM. Nothing is written, and no privileges are needed.
public struct GuestInspection: Sendable {
    /// The machine's disks, in its order.
    public var sources: [DiskImageSource]
    /// How the guest would be fixed.
    public var options = FixupOptions()

    /// The guest in `sources`.
    public init(_ sources: [DiskImageSource]) {
        self.sources = sources
    }

    /// What is on the disks, and what of it would not work on KVM. That is found by trying a fixup, which takes a second or two.
    /// - Throws: `ImageError`: about an image that can't be opened or read, or about the options.
    public func describe() async throws -> GuestDescription {
        try await Job.run(progress: nil) { (_) throws(ImageError) in
            var fixup = try options.makeFixup()
            let (session, adapters) = try open()
            fixup.adapters = adapters
            var description = try session.describe()
            do throws(ImageError) {
                description.takeObstacles(try session.report(fixup))
            } catch {
                description.takeObstacles(FixupReport(failure: error.message))
            }
            return description
        }
    }

    /// What a fixup would change.
    /// - Throws: `ImageError`: about an image that can't be opened or read, or about the options.
    public func plan() async throws -> FixupResult {
        try await Job.run(progress: nil) { (_) throws(ImageError) in
            var fixup = try options.makeFixup()
            let (session, adapters) = try open()
            fixup.adapters = adapters
            return try session.run(fixup)
        }
    }

    /// - Returns: also the network adapters that the description of the machine has.
    private func open() throws(ImageError) -> (session: GuestSession, adapters: [NetworkAdapter]) {
        var adapters: [NetworkAdapter] = []
        var maps: [any DiskMap] = []
        for source in sources {
            let (reader, _) = try source.open()
            if let stream = try source.makeStream(reader) {
                throw ImageError(
                    .invalidOption, "the guest in what comes front to back can't be looked at",
                    advice: "save the input to a file", path: stream.path)
            }
            adapters += reader.hardware.networkAdapters
            maps.append(try source.makeMap(reader))
        }
        return (try GuestSession(maps), adapters)
    }
}
