import DiskImage
import GuestFixups

/// How a guest is made to boot on KVM.
public struct FixupOptions: Sendable {
    /// Directories with manifests (`*.yaml`) beside the built-in ones, which they replace where they have the same name.
    public var manifestDirectories: [String] = []
    /// What becomes of the names of interfaces.
    public enum InterfaceNaming: String, Sendable, CaseIterable {
        /// Those that they had stay.
        case keep
        /// Those in ``FixupOptions/interfaceNames`` are new ones, which the guest's configuration gets; others stay.
        case rename
        /// The new hardware gives them.
        case none
    }

    /// What becomes of the names of interfaces.
    public var interfaceNaming = InterfaceNaming.keep
    /// Names of interfaces by their addresses (`00:50:56:01:02:03`): those that they had, where the guest's configuration does not
    /// tell, or new ones.
    public var interfaceNames: [String: String] = [:]

    /// The built-in rules, and interfaces that keep their names.
    public init() {}

    /// - Throws: `invalidOption` about a manifest or an address.
    func makeFixup() throws(ImageError) -> Fixup {
        var fixup: Fixup
        do throws(ManifestError) {
            var manifests = try ManifestSet.builtIn()
            for directory in manifestDirectories { manifests += try ManifestDirectory.read(directory) }
            fixup = Fixup(manifests: ManifestSet(manifests))
        } catch {
            throw ImageError(.invalidOption, error.description)
        }
        for (address, name) in interfaceNames.sorted(by: { $0.key < $1.key }) {
            guard let binding = NameBinding(address: address, name: name) else {
                throw ImageError(
                    .invalidOption, "\"\(address)=\(name)\" is no address and name of an interface",
                    advice: "write 00:50:56:01:02:03=ens192; names have at most 15 characters")
            }
            guard !fixup.bindings.contains(where: { $0.match == binding.match || $0.name == binding.name }) else {
                throw ImageError(.invalidOption, "\"\(address)=\(name)\": the address or the name is given twice")
            }
            fixup.bindings.append(binding)
        }
        fixup.interfaceNaming =
            switch interfaceNaming {
            case .keep: .keep
            case .rename: .rename
            case .none: .none
            }
        return fixup
    }
}
