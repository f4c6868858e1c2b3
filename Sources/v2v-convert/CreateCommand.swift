import ArgumentParser
import Logging
import V2VConvert

/// `v2v-convert create IMG SIZE`.
struct CreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a disk image that nothing has been written to.",
        discussion: """
            The image appears when it is complete, or not at all. An existing file is refused unless --force is given \
            (qemu-img overwrites it), and the format is that of the name's extension unless -f is given (with qemu-img it \
            is raw). Options of the formats: see v2v-convert --help.

            EXAMPLES:
              v2v-convert create web02.qcow2 40G
              v2v-convert create -f qcow2 -b base.qcow2 -F qcow2 web02.qcow2
              v2v-convert create -f vmdk -o subformat=monolithicFlat web02.vmdk 40G
            """)

    @Argument(help: "The image to create.", completion: .file())
    var file: String

    @Argument(
        help: "Size of the disk in bytes, or with a suffix k, M, G, T, P or E. Default: the backing file's.")
    var size: Size?

    @Option(
        name: [.customShort("f"), .long],
        help: "Format of the image: qcow2, vmdk, vpc (VHD), vhdx or raw. Default: its extension.")
    var format: String?

    @OptionGroup var outputOptions: TargetOptions

    @Option(
        name: [.customShort("b"), .long],
        help: ArgumentHelp(
            "Over this file: the image shows what it has, and stores what differs. Relative to the image's directory.",
            valueName: "file"))
    var backing: String?

    @Flag(name: .customShort("u"), help: "Don't open the backing file, which may not be there. Needs the size, and -F.")
    var isUnchecked = false

    @Flag(name: .long, help: "Follow references of the backing file to files outside its directory, and to devices.")
    var allowOutsideFiles = false

    @Flag(name: [.customShort("q"), .long], help: "Print nothing but errors.")
    var quiet = false

    func run() async throws {
        let creation = try makeCreation()
        let result = try await SignalGuard.cancelling { try await creation.create() }
        guard !quiet else { return }
        try Terminal.result(CreateText.line(file, result.format, size: creation.size ?? result.virtualSize))
    }

    private func makeCreation() throws(ImageError) -> ImageCreation {
        var target = DiskImageTarget(path: file)
        var values = try outputOptions.parsed(backing: backing, option: "-b")
        let said = try values.takeSize()
        target.format = try values.format(format, of: target)
        target.existing = outputOptions.existing
        var creation = ImageCreation(target, size: (size?.bytes ?? said).map(UInt64.init))
        creation.opensBackingFile = !isUnchecked
        creation.allowsOutsideFiles = allowOutsideFiles
        creation.logger = Logger(label: "v2v-convert") { _ in StandardErrorLog(level: .warning) }
        return creation
    }
}
