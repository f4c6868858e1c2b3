import ArgumentParser
import Logging
import V2VConvert

/// `v2v-convert measure IMG`.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Tell how large the output of a conversion will be.",
        discussion: """
            The numbers are those of v2v-convert's own files, for every format that it writes. Only the image's map is \
            looked at, which takes a moment; then "required" is what the output needs if all that is allocated is stored, \
            also what turns out to be zero, and if nothing can be compressed: the output is never larger. With --exact the \
            disk is read, and with -c compressed, which takes as long as converting it without writing; then "required" is \
            the exact size. "fully allocated" is the size if the whole disk were stored.

            EXAMPLES:
              v2v-convert measure -O qcow2 web01.vmdk
              v2v-convert measure --exact -c -O qcow2 --output json web01.vmdk
              v2v-convert measure -O qcow2 -o cluster_size=2M --size 1T
            """)

    @Argument(help: "The image that would be converted.", completion: .file())
    var image: String?

    @Option(name: .long, help: "Measure a disk of this size that nothing was written to, instead of an image.")
    var size: Size?

    @Option(name: [.customShort("f"), .long], help: "Format of the image. Default: its content.")
    var format: String?

    @Option(name: .customShort("O"), help: "Format of the output: qcow2, vmdk, vpc (VHD), vhdx or raw. Default: raw.")
    var outputFormat = "raw"

    @Option(
        name: .customShort("o"), help: ArgumentHelp("Options of the output format.", valueName: "name=value,…"))
    var options: [String] = []

    @OptionGroup var state: SnapshotOption

    @Option(
        name: .customLong("name"),
        help: "Name of the output, which is in a VMDK's descriptor. Default: the image's, with the format's extension.")
    var outputName: String?

    @Flag(name: [.customShort("c"), .long], help: "Compress the clusters.")
    var compress = false

    @Option(name: .long, help: "Compression level, as for a conversion.")
    var compressionLevel: Int?

    @Flag(name: .long, help: "Read the disk, and compress it with -c, so that the required size is exact.")
    var exact = false

    @Option(name: .long, help: "Kind of output: human or json, with the keys of qemu-img measure.")
    var output: OutputKind = .human

    @OptionGroup var access: SourceOptions

    func run() async throws {
        do {
            let measurement = try makeMeasurement()
            let result: ImageMeasurement.Result
            if let image {
                var source = access.source(image, format: format)
                source.snapshot = state.snapshot
                result = try await SignalGuard.cancelling { [source] in try await measurement.measure(source) }
            } else {
                let size = UInt64(size?.bytes ?? 0)
                result = try await SignalGuard.cancelling { try await measurement.measure(size: size) }
            }
            let text = MeasureText(result, isExact: exact || image == nil, isCompressed: compress)
            switch output {
            case .human: try Terminal.result(text.human)
            case .json: try JSONOutput.print(text)
            }
        } catch let error as ImageError {
            if output == .json { try JSONOutput.print(error) }
            throw error
        }
    }

    private func makeMeasurement() throws(ImageError) -> ImageMeasurement {
        guard (image == nil) != (size == nil) else {
            throw ImageError(.invalidOption, "an image or --size must be given, and not both")
        }
        let name = ImageFormat(named: outputFormat)
        var target = DiskImageTarget(path: outputName ?? defaultName(name))
        target.format = try OutputOptions(options).format(name)
        target.compresses = compress
        target.compressionLevel = compressionLevel
        var measurement = ImageMeasurement(target)
        measurement.readsContent = exact
        measurement.logger = Logger(label: "v2v-convert") { _ in StandardErrorLog(level: .warning) }
        return measurement
    }

    /// The image's name, with the extension of the output's format; beside the image.
    private func defaultName(_ format: ImageFormat) -> String {
        let image = image ?? "disk"
        let name = image.lastIndex(of: "/").map { image[$0...].dropFirst() } ?? image[...]
        let stem = name.lastIndex(of: ".").map { name[..<$0] } ?? name
        return image.dropLast(name.count) + (stem.isEmpty ? name : stem) + "." + format.rawValue
    }
}
