import ArgumentParser
import V2VConvert

/// `v2v-convert compare A B`.
struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compare the contents of two disk images.",
        discussion: """
            The images may be in different formats. A smaller disk equals a larger one that has only zeros behind it, \
            with a warning.

            EXAMPLES:
              v2v-convert compare web01.vmdk web01.qcow2
              v2v-convert compare -f raw -F qcow2 /dev/vg0/web01 web01.qcow2

            EXIT STATUS:
              0 identical, 1 different, 2 or more could not compare: see v2v-convert --help
            """)

    @Argument(help: "The one image.", completion: .file())
    var first: String

    @Argument(help: "The other.", completion: .file())
    var second: String

    @Option(name: .customShort("f"), help: "Format of the first image. Default: its content.")
    var firstFormat: String?

    @Option(name: .customShort("F"), help: "Format of the second image. Default: its content.")
    var secondFormat: String?

    @Flag(name: .customShort("s"), help: "Strict: sizes, and which ranges are allocated, must be equal too.")
    var strict = false

    @Flag(name: .customShort("p"), help: "Show progress, on standard error.")
    var showProgress = false

    @Flag(name: [.customShort("q"), .long], help: "Only the exit status tells the result.")
    var quiet = false

    @Option(name: .customShort("T"), help: "Accepted for qemu-img's sake.")
    var sourceCache: String?

    @OptionGroup var access: SourceOptions

    func run() async throws {
        var comparison = ImageComparison(
            access.source(first, format: firstFormat), access.source(second, format: secondFormat))
        comparison.isStrict = strict
        let display = ProgressDisplay(kind: showProgress && !quiet ? .bar : .none)
        let result = try await SignalGuard.cancelling { [comparison] in
            try await comparison.compare { display.show($0) }
        }
        display.end()
        if !quiet { try Terminal.result(Self.text(result)) }
        if result.difference != nil { throw ExitCode(ExitStatus.different) }
    }

    /// What qemu-img prints. It counts in sectors, so a difference is where its sector starts.
    private static func text(_ result: ImageComparison.Result) -> String {
        let warning = "Warning: Image size mismatch!\n"
        switch result.difference {
        case .size: return "Strict mode: Image size mismatch!\n"
        case .allocation(let offset): return "Strict mode: Offset \(offset) block status mismatch!\n"
        case .content(let offset):
            return (offset >= result.sharedSize ? warning : "") + "Content mismatch at offset \(offset & ~511)!\n"
        case nil: return (result.hasSizeMismatch ? warning : "") + "Images are identical.\n"
        }
    }
}
