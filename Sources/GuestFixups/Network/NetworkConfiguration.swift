package import GuestDisk

/// What a guest's configuration says about its Ethernet interfaces. Each kind of configuration is read by its own part, all
/// of them tell an `InterfaceNames` what they find.
package enum NetworkConfiguration {
    /// The interfaces that `tree` configures, by name. Bonds, bridges, VLANs and the like are left out; what they are made of
    /// is not.
    package static func interfaces(of tree: GuestTree) throws(GuestError) -> [NetworkInterface] {
        var names = InterfaceNames()
        try IfcfgFiles.read(tree, &names)
        try NetworkManagerKeyfiles.read(tree, &names)
        try InterfacesFile.read(tree, &names)
        try NetworkdFiles.read(tree, &names)
        try NetplanFiles.read(tree, &names)
        try PersistentNetRules.read(tree, &names)
        // Last: leases only add to what is configured.
        try DHCPLeases.read(tree, &names)
        return names.interfaces
    }
}
