import ArgumentParser
import V2VConvert

/// `v2v-convert rebase -u -b BACKING IMG`.
struct RebaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebase",
        abstract: "Make a qcow2 image name another backing file.",
        discussion: """
            Only the name is changed, in place and in one write: for a backing file that was moved, renamed or converted. \
            One with another content changes the disk. To keep the disk over such a one convert the image: v2v-convert \
            -B NEW IMAGE OUTPUT.

            EXAMPLES:
              v2v-convert rebase -u -b ../base/web.qcow2 -F qcow2 web01.qcow2
              v2v-convert rebase -u -b "" web01.qcow2
            """)

    @Argument(help: "The image.", completion: .file())
    var image: String

    @Flag(name: .customShort("u"), help: "Change nothing but the name; without it nothing is done.")
    var onlyName = false

    @Option(
        name: [.customShort("b"), .long],
        help: ArgumentHelp(
            "The backing file, relative to the image's directory; an empty name for none. It is not looked at.",
            valueName: "file"),
        completion: .file())
    var backing: String

    @Option(
        name: [.customShort("F"), .long],
        help: ArgumentHelp("Format of the backing file; must be said.", valueName: "format"))
    var backingFormat: String?

    @Option(name: [.customShort("f"), .long], help: "Format of the image. Default: its content.")
    var format: String?

    @Flag(name: [.customShort("q"), .long], help: "Accepted for qemu-img's sake: nothing is printed but errors.")
    var quiet = false

    func run() throws {
        guard onlyName else {
            throw ImageError(
                .invalidOption, "the content of an image can't be moved over another backing file in place",
                advice: "convert it: v2v-convert -B \(backing) \(image) OUTPUT; or pass -u to change only the name",
                path: image)
        }
        let source = DiskImageSource(path: image, format: format.map(ImageFormat.init(named:)))
        let file = BackingFile(name: backing, format: backingFormat.map(ImageFormat.init(named:)))
        try ImageRebase(source, to: backing.isEmpty ? nil : file).rebase()
    }
}
