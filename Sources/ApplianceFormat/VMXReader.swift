package import DiskImage

/// VMware's configuration of a virtual machine, which names its disks; they lie beside it.
package struct VMXReader: ImageReader {
    package static let format = ImageFormat.vmx
    package static let describesMachine = true
    private let appliance: Appliance
    package let hardware: MachineHardware

    /// Longest file that is read, in bytes. Real ones have a few thousand.
    private static let maximumLength: UInt64 = 1 << 20

    package static func recognises(_ probe: ProbeData) -> Bool { VMXConfiguration.isRecognisable(probe.prefix) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        guard file.size <= Self.maximumLength else {
            throw ImageError(.inputFormat, "this is no VMX: it is too long", path: file.path)
        }
        let bytes = try file.read(at: 0, count: Int(file.size), what: "VMX")
        guard VMXConfiguration.isRecognisable(bytes) else {
            throw ImageError(
                .inputFormat, "this is no VMX: it has neither config.version nor virtualHW.version", path: file.path)
        }
        let configuration = VMXConfiguration(parsing: bytes)
        appliance = Appliance(file: file, format: .vmx, disks: configuration.disks, opener: opener)
        hardware = configuration.hardware
    }

    package var info: ImageInfo { appliance.info() }

    package func makeMap() throws(ImageError) -> sending any DiskMap { try appliance.makeMap() }

    package func makeStream() throws(ImageError) -> (any DiskStream)? { try appliance.makeStream() }

    package func makeMap(of snapshot: SnapshotSelector) throws(ImageError) -> sending any DiskMap {
        try appliance.makeMap(of: snapshot)
    }
}
