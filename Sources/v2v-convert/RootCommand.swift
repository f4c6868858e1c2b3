import ArgumentParser

/// The command line as a whole.
struct RootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "v2v-convert",
        abstract: "Convert virtual machine disks: VMDK, VHD, VHDX, qcow2 and raw to each other; also from VDI.",
        version: Version.current,
        subcommands: [
            ConvertCommand.self, InfoCommand.self, CheckCommand.self, CompareCommand.self, ChecksumCommand.self,
            MapCommand.self, SnapshotCommand.self, InspectCommand.self, FixupCommand.self, MeasureCommand.self,
            CreateCommand.self, ResizeCommand.self,
            RebaseCommand.self,
        ],
        defaultSubcommand: ConvertCommand.self)
}
