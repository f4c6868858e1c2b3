package import DiskImage

/// A VirtualBox disk image.
package struct VDIReader: ImageReader {
    package static let format = ImageFormat(rawValue: "vdi")
    private let file: ImageFile
    private let header: VDIHeader

    package static func recognises(_ probe: ProbeData) -> Bool { probe.has(VDI.signature, at: VDI.signatureOffset) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        self.file = file
        header = try VDIHeader(file: file)
    }

    package var info: ImageInfo {
        let kinds: [VDIHeader.Kind: String] = [
            .dynamic: "dynamic", .fixed: "static", .undo: "undo", .differencing: "differencing",
        ]
        return ImageInfo(
            filename: file.path, format: Self.format, subformat: kinds[header.kind], virtualSize: header.size,
            actualSize: file.allocatedSize, clusterSize: UInt64(header.blockSize))
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        guard header.kind == .dynamic || header.kind == .fixed else {
            throw file.unsupported(
                "the VDI is a snapshot, and only VirtualBox knows its parent", at: 76,
                advice: "clone the disk in VirtualBox: VBoxManage clonemedium")
        }
        return VDIMap(file: file, header: header)
    }
}
