import ArgumentParser
import V2VConvert

/// `v2v-convert checksum IMG`.
struct ChecksumCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checksum",
        abstract: "Print a digest of a disk's content that does not depend on how it is stored.",
        discussion: """
            The digest is the same for an image and what it was converted to, in any format, sparse or not, compressed or \
            not. Zeros at the end of the disk don't change it; --output json tells the size too. docs/checksum.md has its \
            definition, and a program that computes it for raw disks.

            EXAMPLES:
              v2v-convert checksum web01.vmdk
              v2v-convert checksum --output json -l before-upgrade web01.qcow2
              ssh esx cat /vmfs/volumes/store/web01.ova | v2v-convert checksum -
            """)

    @Argument(help: "The image; - for standard input.", completion: .file())
    var image: String

    @Option(name: [.customShort("f"), .long], help: "Format of the image. Default: its content.")
    var format: String?

    @OptionGroup var state: SnapshotOption

    @Option(name: .long, help: "Kind of output: human (algorithm:digest, two spaces, name) or json.")
    var output: OutputKind = .human

    @Flag(name: .customShort("p"), help: "Show progress, on standard error.")
    var showProgress = false

    @OptionGroup var access: SourceOptions

    func run() async throws {
        do {
            var source = access.source(image, format: format)
            source.snapshot = state.snapshot
            let checksum = ImageChecksum(source)
            let display = ProgressDisplay(kind: showProgress ? .bar : .none)
            let result = try await SignalGuard.cancelling { try await checksum.compute { display.show($0) } }
            display.end()
            switch output {
            case .human: try Terminal.result("\(ImageChecksum.algorithm):\(result.digest)  \(image)\n")
            case .json: try JSONOutput.print(Report(image, result))
            }
        } catch let error as ImageError {
            if output == .json { try JSONOutput.print(error) }
            throw error
        }
    }

    private struct Report: Encodable {
        let filename: String
        let algorithm = ImageChecksum.algorithm
        let digest: String
        let virtualSize: UInt64

        init(_ image: String, _ result: ImageChecksum.Result) {
            filename = image
            digest = result.digest
            virtualSize = result.virtualSize
        }

        private enum CodingKeys: String, CodingKey {
            case filename, algorithm, digest
            case virtualSize = "virtual-size"
        }
    }
}
