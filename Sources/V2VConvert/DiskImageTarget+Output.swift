import Conversion
import DiskImage
import Logging

extension DiskImageTarget {
    func outputKind(virtualSize: UInt64) -> Output.Kind {
        if let descriptor { return .stream(descriptor: descriptor) }
        if isExport { return .export(size: virtualSize) }
        return switch existing {
        case .refuse: .new(replaces: false)
        case .replace: .new(replaces: true)
        case .overwrite, .overwriteZeroed: .inPlace(size: virtualSize)
        }
    }

    /// Makes the files as long as they will be, and allocates storage for them, as far as the format wants that.
    func prepare(
        _ output: Output, _ format: TargetFormat, virtualSize: UInt64?, logger: Logger
    ) throws(ImageError) {
        guard descriptor == nil else { return }
        if case .raw = format, let virtualSize { try output.reserve(upTo: virtualSize) }
        if let sizes = try preallocatedSizes(format, virtualSize: virtualSize), try !output.allocate(sizes) {
            logger.warning("\(path): storage can't be allocated in advance")
        }
    }
}
