import DiskImage
import VMDKFormat

extension DiskImageTarget {
    /// A writer for a VMDK of `virtualSize` bytes.
    func makeVMDKWriter(_ options: VMDKOptions, virtualSize: UInt64) throws(ImageError) -> any ImageWriter {
        try requireNewOutput("a VMDK")
        guard !compresses || options.subformat == .streamOptimized else {
            throw ImageError(
                .invalidOption, "a VMDK of the form \(options.subformat.rawValue) can't be compressed",
                advice: "leave out -c or use -o subformat=streamOptimized")
        }
        let isSparse = options.subformat == .monolithicSparse || options.subformat == .twoGbMaxExtentSparse
        guard isSparse || !options.allowsZeroedGrains else {
            throw ImageError(
                .invalidOption, "a VMDK of the form \(options.subformat.rawValue) has no zeroed grains",
                advice: "leave out -o zeroed_grain")
        }
        guard deflateWindow == .kib32 else {
            throw ImageError(.invalidOption, "a VMDK is compressed with a window of 32k", advice: "leave out --window")
        }
        let name = try VMDKName(path: descriptor == nil ? path : "disk.vmdk")
        let zeroRun = try effectiveZeroRun(.vmdk(options))
        return switch options.subformat {
        case .monolithicSparse, .twoGbMaxExtentSparse:
            try VMDKSparseWriter(virtualSize: virtualSize, options: options, name: name, storesZeros: zeroRun == 0)
        case .monolithicFlat, .twoGbMaxExtentFlat:
            VMDKFlatWriter(
                virtualSize: virtualSize, options: options, name: name, unitSize: Self.rawUnit(zeroRun: zeroRun))
        case .streamOptimized:
            try VMDKStreamWriter(virtualSize: virtualSize, options: options, name: name, level: try deflateLevel())
        }
    }
}
