import ArgumentParser
import V2VConvert

/// The options of the commands that write an image.
struct TargetOptions: ParsableArguments {
    @Option(
        name: .customShort("o"), help: ArgumentHelp("Options of the output format.", valueName: "name=value,…"))
    var options: [String] = []

    @Option(
        name: [.customShort("F"), .long],
        help: ArgumentHelp("Format of the backing file. Default: its content; raw must be said.", valueName: "format"))
    var backingFormat: String?

    @Flag(name: .long, help: "Replace an existing output.")
    var force = false

    /// What is done with an existing output.
    var existing: DiskImageTarget.ExistingOutput { force ? .replace : .refuse }

    /// The options of the format, also those that have a flag of their own.
    /// - Parameter backing: the backing file, that the flag `option` named.
    /// - Throws: `invalidOption`.
    func parsed(backing: String?, option: String) throws(ImageError) -> OutputOptions {
        var parsed = OutputOptions(options)
        try parsed.add("backing_file", backing, option: option)
        try parsed.add("backing_fmt", backingFormat, option: "-F")
        return parsed
    }
}
