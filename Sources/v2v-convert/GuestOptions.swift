import ArgumentParser
import V2VConvert

/// How a guest is fixed: what `convert` and `fixup` share.
struct GuestOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Keep this name for the interface with this address, where the guest's configuration does not tell: "
                + "00:50:56:01:02:03=ens192. Repeat it for more.", valueName: "address=name"))
    var nic: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Interfaces keep the names that they had (keep), get the new ones that --nic gives, in the guest's configuration too "
                + "(rename), or those that the new hardware gives (none)."))
    var nicNames: FixupOptions.InterfaceNaming = .keep

    @Option(
        name: .long,
        help: ArgumentHelp("Directory with manifests of your own, beside the built-in ones.", valueName: "directory"),
        completion: .directory)
    var manifest: [String] = []

    /// Whether one of them is given.
    var isUsed: Bool { !nic.isEmpty || !manifest.isEmpty || nicNames != .keep }

    func options() throws(ImageError) -> FixupOptions {
        var options = FixupOptions()
        options.manifestDirectories = manifest
        options.interfaceNaming = nicNames
        for pair in nic {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                throw ImageError(.invalidOption, "--nic takes ADDRESS=NAME, not \"\(pair)\"")
            }
            guard options.interfaceNames.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ImageError(.invalidOption, "--nic has the address \(parts[0]) twice")
            }
        }
        return options
    }
}
