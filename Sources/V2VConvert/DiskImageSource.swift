package import DiskImage
import NBD

/// A disk image to read.
public struct DiskImageSource: Sendable {
    /// Path of the image: a descriptor, an image file, a block device, a named pipe, or `-` for standard input; or the URI of
    /// an export of an NBD server, `nbd://`, `nbds://`, `nbd+unix://` or `nbds+unix://`, in which the image is.
    public var path: String
    /// The format; nil to recognise it by its content.
    public var format: ImageFormat?
    /// Which disk of a virtual machine (OVA, OVF, VMX) is meant, counted from 1; nil if it has only one.
    public var disk: Int?
    /// The internal snapshot to read instead of the current state of the disk.
    public var snapshot: SnapshotSelector?
    /// Reads an image that another process may be writing. The result may be inconsistent.
    public var ignoresLocks = false
    /// Follows references of the image to files outside its own directory, and to devices.
    public var allowsOutsideFiles = false
    /// Converts files that do not have the digests that an OVF's manifest demands.
    public var ignoresManifest = false
    /// Parents of snapshots, youngest first, for images that do not name theirs (VDI) or name a file that is not there.
    public var parents: [String] = []
    /// Takes a snapshot's parent although it has changed since the snapshot was taken.
    public var ignoresParentChanges = false
    /// Takes a backing file for raw that looks like it, although the image over it doesn't name its format. What a guest
    /// wrote to a raw disk can make it look like something else, so say this only of files you know.
    public var trustsRawBacking = false
    /// Which of its two sizes a VHD has.
    public var vhdSize = VHDSize.current

    /// Path of a file with the passphrase of an encrypted image.
    public var passphraseFile: String?
    /// Makes zeros of what can't be read, lists it in the report's `lost`, and goes on.
    public var salvages = false

    /// The image at `path`.
    public init(path: String, format: ImageFormat? = nil) {
        self.path = path
        self.format = format
    }

    /// Reads the image's metadata.
    /// - Throws: `ImageError`: `inputUnreadable`, `inputFormat`, `inputDamaged`, `inputUnsupported`, `inputInUse`.
    public func info() throws(ImageError) -> ImageInfo {
        try open().reader.info
    }

    /// Reads the metadata of the image and of all that are below it, backing files or parents, from the top.
    /// - Throws: as ``info()``; also if one of them is missing or they form a loop.
    public func infoChain() throws(ImageError) -> [ImageInfo] {
        var layer: (any ImageReader)? = try open().reader
        var chain: [ImageInfo] = []
        while let reader = layer {
            chain.append(reader.info)
            layer = try reader.openParent()
        }
        return chain
    }

    /// Opens the image.
    /// - Parameter isCancelled: asked while a pipe has nothing to read.
    /// - Returns: its reader, and the opener that knows the files it consists of and what is wrong with them, of which
    ///   making the map may find more.
    package func open(
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(ImageError) -> (reader: any ImageReader, opener: ImageOpener) {
        if let format, FormatRegistry.reader(of: format) == nil {
            throw ImageError(
                .invalidOption, "the input format \"\(format.rawValue)\" is not known",
                advice: "known are \(FormatRegistry.names)")
        }
        var opener = makeOpener()
        if let passphraseFile { opener.passphrase = try Passphrase.read(passphraseFile) }
        if NBDExport.isURI(path) {
            let file = try ImageFile(uri: path)
            opener.record(file)
            return (try ImageProbe.open(file, format: format, opener: opener), opener)
        }
        if let pipe = PipeInput(path: path) {
            let stream = try StreamProbe.open(pipe.open(isCancelled: isCancelled), format: format, opener: opener)
            return (PipeReader(stream), opener)
        }
        let file = try opener.open(path == PipeInput.standardInput ? "/dev/stdin" : path)
        return (try ImageProbe.open(file, format: format, opener: opener), opener)
    }

    /// What opens the files that the image names, and what comes out of streams.
    package func makeOpener() -> ImageOpener {
        var opener = ImageOpener(
            allowsOutsideFiles: allowsOutsideFiles, locks: !ignoresLocks,
            openImage: { (file, format, opener) throws(ImageError) in
                try ImageProbe.open(file, format: format, opener: opener)
            },
            openStream: { (bytes, format, opener) throws(ImageError) in
                try StreamProbe.open(bytes, format: format, opener: opener)
            })
        opener.givenParents = parents
        opener.ignoresParentChanges = ignoresParentChanges
        opener.salvages = salvages
        opener.trustsRawBacking = trustsRawBacking
        opener.vhdSize = vhdSize
        opener.disk = disk
        opener.ignoresManifest = ignoresManifest
        return opener
    }

    /// The disk, if it can only be read from its start to its end; nil if ``makeMap(_:)`` makes its map.
    func makeStream(_ reader: any ImageReader) throws(ImageError) -> (any DiskStream)? {
        snapshot == nil ? try reader.makeStream() : nil
    }

    /// The map of the state of the disk that is to be read.
    func makeMap(_ reader: any ImageReader) throws(ImageError) -> sending any DiskMap {
        if let snapshot { return try reader.makeMap(of: snapshot) }
        return try reader.makeMap()
    }
}
