package import DiskImage

/// The XML that describes a virtual machine; the files it names lie beside it.
package struct OVFReader: ImageReader {
    package static let format = ImageFormat.ovf
    package static let describesMachine = true
    private let appliance: Appliance
    package let hardware: MachineHardware

    package static func recognises(_ probe: ProbeData) -> Bool { OVFEnvelope.isRecognisable(probe.prefix) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        let digests = try Self.manifest(of: file, opener).map { manifest in
            ApplianceDigests(manifest: manifest, description: file) {
                FileIdentity(
                    path: file.path.split(separator: "/", omittingEmptySubsequences: false).dropLast().map { $0 + "/" }
                        .joined() + $0)
            }
        }
        let envelope = try OVFEnvelope(file: file)
        hardware = envelope.hardware
        appliance = Appliance(
            file: file, format: .ovf, disks: try envelope.applianceDisks(of: file), opener: opener, digests: digests)
    }

    /// The manifest beside the OVF, if there is one.
    private static func manifest(of file: ImageFile, _ opener: ImageOpener) throws(ImageError) -> ImageFile? {
        guard let name = file.path.split(separator: "/").last.map(String.init), name.isOVFName else { return nil }
        do throws(ImageError) {
            return try opener.open(named: name.dropLast(".ovf".count) + ".mf", by: file)
        } catch {
            guard error.code == .inputUnreadable else { throw error }
            return nil
        }
    }

    package var info: ImageInfo { appliance.info() }

    package func makeMap() throws(ImageError) -> sending any DiskMap { try appliance.makeMap() }

    package func makeStream() throws(ImageError) -> (any DiskStream)? { try appliance.makeStream() }

    package func makeMap(of snapshot: SnapshotSelector) throws(ImageError) -> sending any DiskMap {
        try appliance.makeMap(of: snapshot)
    }
}
