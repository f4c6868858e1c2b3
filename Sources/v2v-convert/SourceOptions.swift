import ArgumentParser
import V2VConvert

/// How images are opened for reading: the options that all commands share.
struct SourceOptions: ParsableArguments {
    @Flag(name: [.customShort("U"), .long], help: "Read an image that another process may be writing.")
    var forceShare = false

    @Flag(name: .long, help: "Follow references of the image to files outside its directory, and to devices.")
    var allowOutsideFiles = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The parent of a snapshot that doesn't name one (VDI) or whose parent is elsewhere. Repeat it for parents of "
                + "parents, youngest first.", valueName: "file"),
        completion: .file())
    var parent: [String] = []

    @Flag(name: .long, help: "Take a snapshot's parent although it has changed since.")
    var forceParent = false

    @Option(
        name: .long, help: "Which disk of an OVA, OVF or VMX, counted from 1; needed if there are several.")
    var disk: Int?

    @Flag(name: .long, help: "Take a backing file that looks raw for raw although the image doesn't name its format.")
    var trustRawBacking = false

    @Option(
        name: .long,
        help: ArgumentHelp("Holds the passphrase of an encrypted (LUKS) qcow2 image.", valueName: "file"),
        completion: .file())
    var passphraseFile: String?

    @Option(name: .long, help: "Size of a VHD: current (the footer's) or chs (its geometry's, as for Virtual PC).")
    var vhdSize = VHDSize.current

    /// The image at `path`, opened with these options.
    func source(_ path: String, format: String?) -> DiskImageSource {
        var source = DiskImageSource(path: path, format: format.map(ImageFormat.init(named:)))
        source.ignoresLocks = forceShare
        source.allowsOutsideFiles = allowOutsideFiles
        source.parents = parent
        source.ignoresParentChanges = forceParent
        source.disk = disk
        source.trustsRawBacking = trustRawBacking
        source.passphraseFile = passphraseFile
        source.vhdSize = vhdSize
        return source
    }
}
