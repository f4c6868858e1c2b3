import ArgumentParser
import V2VConvert

/// `v2v-convert fixup IMG…`.
struct FixupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fixup",
        abstract:
            "Make the guest in an image boot on KVM with virtio: what convert --fixup does, for an image that is there.",
        discussion: """
            The guest's initramfs gets the virtio modules of its own kernels, names of devices that depend on hardware become \
            UUIDs, and its network interfaces keep their names. No code of the guest runs, and no privileges are needed.

            Images that are qcow2 or raw are changed in place, all of them or none, even if the power fails: if a journal is left \
            beside one (IMAGE.v2v-journal), the next fixup of any of them completes what was interrupted; until then they must \
            not be used. Keep a copy all the same, or use convert --fixup, which leaves the source alone.

            EXAMPLES:
              v2v-convert fixup --plan web01.qcow2
              v2v-convert fixup web01.qcow2
              v2v-convert fixup --plan --nic 00:50:56:01:02:03=ens192 --output json web01.vmdk
            """)

    @Argument(help: "The images of the machine's disks, in its order.", completion: .file())
    var images: [String]

    @Option(name: [.customShort("f"), .long], help: "Format of the images. Default: their content.")
    var format: String?

    @Flag(name: .long, help: "Say what would change and why, file by file, and change nothing.")
    var plan = false

    @OptionGroup var guest: GuestOptions

    @Option(name: .long, help: "Kind of output: human or json.")
    var output: OutputKind = .human

    @OptionGroup var access: SourceOptions

    func run() async throws {
        do {
            let result = try await result()
            switch output {
            case .human: try Terminal.result(GuestText.text(result, isDone: !plan, withDiffs: plan))
            case .json: try JSONOutput.print(result)
            }
            if !result.complete { throw ExitCode(ExitStatus.fixupIncomplete) }
        } catch let error as ImageError {
            if output == .json { try JSONOutput.print(error) }
            throw error
        }
    }

    private func result() async throws -> FixupResult {
        let sources = images.map { access.source($0, format: format) }
        guard !plan else {
            var inspection = GuestInspection(sources)
            inspection.options = try guest.options()
            return try await inspection.plan()
        }
        var fixup = GuestFixup(sources)
        fixup.options = try guest.options()
        let prepared = fixup
        return try await SignalGuard.cancelling { try await prepared.run() }
    }
}
