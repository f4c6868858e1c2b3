import ArgumentParser
import V2VConvert

/// `v2v-convert inspect IMG…`.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Tell what guest is on a machine's disks.",
        discussion: """
            What would keep the guest from working on KVM as it did is told, too; file by file, and how it is mended, tells \
            fixup --plan. Nothing is written, no privileges are needed, and no code of the guest runs.

            EXAMPLES:
              v2v-convert inspect web01.vmdk
              v2v-convert inspect --output json web01.vmdk web01_1.vmdk
            """)

    @Argument(help: "The images of the machine's disks, in its order.", completion: .file())
    var images: [String]

    @Option(name: [.customShort("f"), .long], help: "Format of the images. Default: their content.")
    var format: String?

    @Option(name: .long, help: "Kind of output: human or json.")
    var output: OutputKind = .human

    @OptionGroup var access: SourceOptions

    func run() async throws {
        do {
            let inspection = GuestInspection(images.map { access.source($0, format: format) })
            let description = try await inspection.describe()
            switch output {
            case .human: try Terminal.result(GuestText.text(description))
            case .json: try JSONOutput.print(description)
            }
        } catch let error as ImageError {
            if output == .json { try JSONOutput.print(error) }
            throw error
        }
    }
}
