package import DiskImage

/// The XML that describes a virtual machine; the files it names lie beside it.
package struct OVFReader: ImageReader {
    package static let format = ImageFormat.ovf
    package static let describesMachine = true
    private let appliance: Appliance

    package static func recognises(_ probe: ProbeData) -> Bool { OVFEnvelope.isRecognisable(probe.prefix) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        appliance = Appliance(
            file: file, format: .ovf, disks: try OVFEnvelope(file: file).applianceDisks(of: file), opener: opener)
    }

    package var info: ImageInfo { appliance.info() }

    package func makeMap() throws(ImageError) -> sending any DiskMap { try appliance.makeMap() }

    package func makeMap(of snapshot: SnapshotSelector) throws(ImageError) -> sending any DiskMap {
        try appliance.makeMap(of: snapshot)
    }
}
