import ArgumentParser
import V2VConvert

/// `v2v-convert snapshot -l IMG`.
struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "List the snapshots that an image keeps inside.",
        discussion: """
            EXAMPLES:
              v2v-convert snapshot -l web01.qcow2
              v2v-convert -l "before the update" web01.qcow2 old.qcow2
            """)

    @Argument(help: "The image.", completion: .file())
    var image: String

    @Flag(name: .customShort("l"), help: "List them, as without it: that is all this command does.")
    var list = false

    @Option(name: [.customShort("f"), .long], help: "Format of the image. Default: its content.")
    var format: String?

    @OptionGroup var access: SourceOptions

    func run() throws {
        let lines = SnapshotTable.lines(try access.source(image, format: format).info().snapshots)
        try Terminal.result(lines.map { $0 + "\n" }.joined())
    }
}
