import Conversion
import DiskImage
public import Logging
import QCOW2Format
import RawFormat

/// Changes the size of a disk in its image, in place: raw and qcow2, as `qemu-img resize` does.
///
/// A qcow2 image is at every moment, also after a crash, the old one or the new one; an interruption may leave storage in it
/// that nothing uses (`v2v-convert check -r leaks` finds it).
public struct ImageResizing: Sendable {
    /// A new size, in bytes.
    public enum Size: Sendable, Equatable {
        /// As many bytes.
        case to(UInt64)
        /// So many bytes more.
        case larger(by: UInt64)
        /// So many bytes fewer.
        case smaller(by: UInt64)
    }

    /// The image. Its backing file is looked at, if it has one.
    public var image: DiskImageSource
    /// The new size of the disk, rounded up to whole sectors.
    public var size: Size
    /// Lets the disk become smaller, which loses what is behind its new end.
    public var allowsShrinking = false
    /// How storage for the new part is allocated; of a qcow2 image it can't be.
    public var preallocation = RawOptions.Preallocation.off
    /// Where warnings go.
    public var logger = Logger(label: "v2v-convert")

    /// A change of the size of `image` to `size`.
    public init(_ image: DiskImageSource, to size: Size) {
        self.image = image
        self.size = size
    }

    /// Changes the size.
    /// - Returns: bytes of the disk.
    /// - Throws: `ImageError`: `outputInUse` if another process has the image open, `inputDamaged` if it must be repaired
    ///   first, `inputUnsupported`, `invalidOption`, `outputFailed`, `outputNoSpace`.
    @discardableResult
    public func resize() throws(ImageError) -> UInt64 {
        let file = try EditableFile(path: image.path)
        let opener = try image.makeEditingOpener()
        let reader = try ImageProbe.open(file.reader(), format: image.format, opener: opener)
        let oldSize = reader.info.virtualSize
        let newSize = try newSize(oldSize)
        guard newSize >= oldSize || allowsShrinking else {
            throw ImageError(
                .invalidOption, "the disk has \(oldSize) bytes and would lose all that is behind byte \(newSize)",
                advice: "pass --shrink if nothing there is needed", path: image.path)
        }
        guard newSize >= oldSize || preallocation == .off else {
            throw ImageError(
                .invalidOption, "only what a disk grows by can be preallocated", advice: "leave out --preallocation",
                path: image.path)
        }
        switch reader {
        case is RawReader: try resizeRaw(file, from: oldSize, to: newSize)
        case let qcow2 as QCOW2Reader:
            try qcow2.requireResizable()
            try resize(qcow2, file, to: newSize, opener)
        default:
            let format = type(of: reader).format.rawValue
            throw ImageError(
                .inputUnsupported, "the size of a disk in the format \(format) can't be changed in place",
                advice: "convert it to qcow2 or raw, and resize that", path: image.path)
        }
        return newSize
    }

    private func newSize(_ oldSize: UInt64) throws(ImageError) -> UInt64 {
        let (size, overflows) =
            switch size {
            case .to(let size): (size, false)
            case .larger(let difference): oldSize.addingReportingOverflow(difference)
            case .smaller(let difference): oldSize.subtractingReportingOverflow(difference)
            }
        guard !overflows, size > 0 else {
            throw ImageError(
                .invalidOption, "the disk has \(oldSize) bytes and can't be changed by so many", path: image.path)
        }
        return try DiskImageTarget.diskSize(size, unless: .invalidOption, path: image.path)
    }

    private func resizeRaw(_ file: EditableFile, from oldSize: UInt64, to newSize: UInt64) throws(ImageError) {
        guard try !file.reader().isBlockDevice else {
            throw ImageError(
                .inputUnsupported, "the image is a device, which has the size it has",
                advice: "resize the volume itself, with lvresize for example", path: image.path)
        }
        do throws(ImageError) {
            try file.setSize(newSize)
            if newSize > oldSize {
                switch preallocation {
                case .off: break
                case .falloc: try file.allocate(oldSize..<newSize)
                case .full: try file.overwriteWithZeros(oldSize..<newSize)
                }
            }
            try file.barrier()
        } catch {
            if newSize > oldSize { try? file.setSize(oldSize) }
            throw error
        }
    }

    private func resize(
        _ reader: QCOW2Reader, _ file: EditableFile, to newSize: UInt64, _ opener: ImageOpener
    ) throws(ImageError) {
        guard preallocation == .off else {
            throw ImageError(
                .invalidOption, "a qcow2 image can't be preallocated when it is resized", advice: "leave it out",
                path: image.path)
        }
        let oldSize = reader.info.virtualSize
        if newSize > oldSize {
            // Whatever may be refused is refused before anything is written.
            try reader.requireGrowable(to: newSize)
            if try Self.hasTail(reader, behind: oldSize) {
                try reader.requireSound()
                try reader.clearTail(behind: oldSize, output: file)
            }
        }
        try reader.resize(to: newSize, output: file)
        guard newSize < oldSize else { return }
        let resized = try file.reader()
        let shrunk = try QCOW2Reader(file: resized, opener: opener)
        if try Self.hasTail(shrunk, behind: newSize) {
            do throws(ImageError) {
                try shrunk.clearTail(behind: newSize, output: file)
            } catch  where error.code == .inputUnsupported {
                // What is compressed stays until the cluster is written to. Growing looks at it again.
                logger.warning(
                    "\(image.path): the cluster in which the disk ends keeps the old data behind that, which is compressed or shared"
                )
            }
        }
        let used = try shrunk.usedFileSize()
        if used < resized.size { try file.setSize(used) }
        try file.barrier()
    }

    /// Whether there is anything but zeros between the end of the disk and the end of its last cluster.
    private static func hasTail(_ reader: QCOW2Reader, behind size: UInt64) throws(ImageError) -> Bool {
        let map = try reader.tailMap(behind: size)
        return try !ContentReader(files: map.files).isZero(size..<map.virtualSize, of: map)
    }
}

extension DiskImageSource {
    /// What opens the files that an image which is changed itself names.
    func makeEditingOpener() throws(ImageError) -> ImageOpener {
        if let format, FormatRegistry.reader(of: format) == nil {
            throw ImageError(
                .invalidOption, "the format \"\(format.rawValue)\" is not known",
                advice: "known are \(FormatRegistry.names)", path: path)
        }
        return makeOpener()
    }
}
