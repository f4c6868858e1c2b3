import ArgumentParser
import V2VConvert

/// Which state of a disk is read.
struct SnapshotOption: ParsableArguments {
    @Option(
        name: [.customShort("l"), .long],
        help: ArgumentHelp(
            "Read an internal snapshot: its id or name, or snapshot.id=ID,snapshot.name=NAME.", valueName: "snapshot"),
        transform: SnapshotSelector.init(argument:))
    var snapshot: SnapshotSelector?
}
