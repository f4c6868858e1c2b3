import ArgumentParser
import V2VConvert

/// `v2v-convert info IMG`.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tell what an image's metadata says about it.",
        discussion: """
            EXAMPLES:
              v2v-convert info web01.vmdk
              v2v-convert info --output json web01.vmdk
              v2v-convert info --backing-chain overlay.qcow2
            """)

    @Argument(help: "The image.", completion: .file())
    var image: String

    @Option(
        name: [.customShort("f"), .long],
        help: "Format of the image: vmdk, qcow2, vdi, vpc (VHD), vhdx, raw, ova, ovf or vmx. Default: its content.")
    var format: String?

    @Option(name: .long, help: "Kind of output: human or json, with the keys of qemu-img info.")
    var output: OutputKind = .human

    @Flag(name: .long, help: "Tell about the backing files or parents too.")
    var backingChain = false

    @OptionGroup var access: SourceOptions

    func run() throws {
        do {
            let source = access.source(image, format: format)
            let chain = backingChain ? try source.infoChain() : [try source.info()]
            switch output {
            case .json where backingChain: try JSONOutput.print(chain)
            case .json: try JSONOutput.print(chain[0])
            case .human: try Terminal.result(chain.map(InfoText.text).joined(separator: "\n"))
            }
        } catch let error as ImageError {
            if output == .json { try JSONOutput.print(error) }
            throw error
        }
    }
}
