import DiskImage
import VHDFormat
import VHDXFormat

extension DiskImageTarget {
    /// A writer for a VHD of `virtualSize` bytes.
    func makeVHDWriter(_ options: VHDOptions, virtualSize: UInt64) throws(ImageError) -> any ImageWriter {
        try requireNewOutput("a VHD")
        try requireUncompressed("a VHD")
        let unit = Self.rawUnit(zeroRun: try effectiveZeroRun(.vhd(options)))
        return switch options.subformat {
        case .dynamic: try VHDDynamicWriter(virtualSize: virtualSize, options: options, unitSize: unit)
        case .fixed: try VHDFixedWriter(virtualSize: virtualSize, options: options, unitSize: unit)
        }
    }

    /// A writer for a VHDX of `virtualSize` bytes.
    func makeVHDXWriter(_ options: VHDXOptions, virtualSize: UInt64) throws(ImageError) -> any ImageWriter {
        try requireNewOutput("a VHDX")
        try requireUncompressed("a VHDX")
        let unit = Self.rawUnit(zeroRun: try effectiveZeroRun(.vhdx(options)))
        return try VHDXWriter(virtualSize: virtualSize, options: options, unitSize: unit)
    }

    private func requireUncompressed(_ what: String) throws(ImageError) {
        guard !compresses, deflateWindow == .kib32 else {
            throw ImageError(.invalidOption, "\(what) can't be compressed", advice: "leave out -c and --window")
        }
    }
}
