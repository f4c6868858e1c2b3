import ArgumentParser
import V2VConvert

/// `v2v-convert check IMG`.
struct CheckCommand: AsyncParsableCommand {
    static let name = "check"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Check an image's tables, and repair those of a qcow2 image.",
        discussion: """
            Each finding is a line on standard error. What the guest stored is not looked at.

            EXAMPLES:
              v2v-convert check web01.qcow2
              v2v-convert check --output json web01.vmdk
              v2v-convert check -r leaks web01.qcow2

            EXIT STATUS, as qemu-img's:
              0  nothing is wrong, or everything was repaired
              1  the image could not be checked, whatever the reason
              2  there are corruptions
              3  there are leaked clusters, but no corruptions
              63 images of the format can't be checked, or not be repaired
            """)

    @Argument(help: "The image.", completion: .file())
    var image: String

    @Option(name: [.customShort("f"), .long], help: "Format of the image. Default: its content.")
    var format: String?

    @Option(name: .long, help: "Kind of output: human or json, with the keys of qemu-img check.")
    var output: OutputKind = .human

    @Option(
        name: [.customShort("r"), .long],
        help:
            "Repair in place: leaks (lost storage only) or all (at the risk of believing the wrong table). qcow2 only.")
    var repair: RepairExtent?

    @Flag(name: [.customShort("q"), .long], help: "Print no result; the exit status tells it.")
    var quiet = false

    @Option(name: .customShort("T"), help: "Accepted for qemu-img's sake.")
    var sourceCache: String?

    @OptionGroup var access: SourceOptions

    func run() async throws {
        let result: ImageCheck.Result?
        do {
            let check = ImageCheck(access.source(image, format: format), repair: repair)
            let quiet = quiet
            result = try await SignalGuard.cancelling {
                try await check.check { if !quiet { Terminal.error($0.description) } }
            }
        } catch let error as ImageError {
            if output == .json { try JSONOutput.print(error) }
            throw error
        }
        guard let result else {
            Terminal.error("v2v-convert: This image format does not support \(repair == nil ? "checks" : "repairs")")
            throw ExitCode(ExitStatus.uncheckable)
        }
        if !quiet {
            switch output {
            case .human: try Terminal.result(CheckText.text(result))
            case .json: try JSONOutput.print(result)
            }
        }
        if result.corruptions > 0 { throw ExitCode(ExitStatus.corrupt) }
        if result.leaks > 0 { throw ExitCode(ExitStatus.leaking) }
    }
}
