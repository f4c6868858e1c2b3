import DiskImage
import QCOW2Format

/// Makes a qcow2 image name another backing file, without looking at either: what `qemu-img rebase -u` does.
///
/// The new backing file must have the same content as the old one, under another name or in another format; if it hasn't, the
/// disk changes. To get the same disk over another backing file convert the image, with ``QCOW2Options/backing``.
public struct ImageRebase: Sendable {
    /// The image.
    public var image: DiskImageSource
    /// The backing file, with its format; nil for none. It need not exist.
    public var backing: BackingFile?

    /// A change of the backing file of `image` to `backing`.
    public init(_ image: DiskImageSource, to backing: BackingFile?) {
        self.image = image
        self.backing = backing
    }

    /// Changes the name.
    /// - Throws: `ImageError`: `outputInUse` if another process has the image open, `inputDamaged` if it must be repaired
    ///   first, `inputUnsupported`, `invalidOption`, `outputFailed`.
    public func rebase() throws(ImageError) {
        var options = QCOW2Options()
        options.backing = backing
        let target = DiskImageTarget(path: image.path, format: .qcow2(options))
        try target.requireBackingFormat(.qcow2(options))
        try target.validateOtherFiles(options)
        try target.requireOtherBackingFile(.qcow2(options))
        let file = try EditableFile(path: image.path)
        let opener = try image.makeEditingOpener()
        let reader = try ImageProbe.open(file.reader(), format: image.format, opener: opener)
        guard let reader = reader as? QCOW2Reader else {
            throw ImageError(
                .inputUnsupported,
                "the backing file or parent of an image in the format \(type(of: reader).format.rawValue) can't be changed",
                advice: "convert it, with --parent if its parent is elsewhere", path: image.path)
        }
        try reader.rebase(
            to: backing.map { BackingReference(name: $0.name, format: $0.format?.rawValue ?? "") }, output: file)
    }
}
