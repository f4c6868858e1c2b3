import ArgumentParser
import Logging
import V2VConvert

/// `v2v-convert resize IMG SIZE`.
struct ResizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resize",
        abstract: "Change the size of a disk in its image, in place.",
        usage: "v2v-convert resize [<options>] <image> [+|-]<size>",
        discussion: """
            For raw and qcow2 images that no other process has open. The partitions and filesystems inside stay as they \
            are: make them smaller before the disk, and larger after it. A crash leaves a qcow2 image that is the old or \
            the new one.

            EXAMPLES:
              v2v-convert resize web01.qcow2 +10G
              v2v-convert resize --shrink web01.qcow2 20G
              v2v-convert resize -f raw --preallocation falloc web01.img 40G
            """)

    @Argument(
        parsing: .allUnrecognized,
        help: "The image, and its new size: bytes, or with a suffix k, M, G, T, P or E; with + or - the difference.",
        completion: .file())
    var arguments: [String] = []

    @Option(name: [.customShort("f"), .long], help: "Format of the image: qcow2 or raw. Default: its content.")
    var format: String?

    @Flag(name: .long, help: "Let the disk become smaller. What is behind its new end is lost.")
    var shrink = false

    @Option(name: .long, help: "How storage for the new part is allocated, of raw images only: off, falloc or full.")
    var preallocation: RawOptions.Preallocation = .off

    @Flag(name: .long, help: "Follow references of the image to files outside its directory, and to devices.")
    var allowOutsideFiles = false

    @Flag(name: [.customShort("q"), .long], help: "Print nothing but errors.")
    var quiet = false

    func run() throws {
        // What starts with a dash is a smaller size or an option that doesn't exist; `--` stands before the one.
        let arguments = arguments.filter { $0 != "--" }
        guard arguments.count == 2, let size = Self.size(arguments[1]), !arguments[0].hasPrefix("-") else {
            let unknown = arguments.first { $0.hasPrefix("-") && Self.size($0) == nil }
            throw ImageError(
                .invalidOption, unknown.map { "the option \($0) is unknown" } ?? "resize takes an image and a size",
                advice: "see v2v-convert resize --help")
        }
        var image = DiskImageSource(path: arguments[0], format: format.map(ImageFormat.init(named:)))
        image.allowsOutsideFiles = allowOutsideFiles
        var resizing = ImageResizing(image, to: size)
        resizing.allowsShrinking = shrink
        resizing.preallocation = preallocation
        resizing.logger = Logger(label: "v2v-convert") { _ in StandardErrorLog(level: quiet ? .error : .warning) }
        try resizing.resize()
        if !quiet { try Terminal.result("Image resized.\n") }
    }

    private static func size(_ text: String) -> ImageResizing.Size? {
        let isChange = text.hasPrefix("+") || text.hasPrefix("-")
        guard let size = Size(argument: isChange ? String(text.dropFirst()) : text) else { return nil }
        switch text.first {
        case "+": return .larger(by: UInt64(size.bytes))
        case "-": return .smaller(by: UInt64(size.bytes))
        default: return .to(UInt64(size.bytes))
        }
    }
}
