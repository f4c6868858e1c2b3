/// An Ethernet interface that the guest's configuration speaks of.
package struct NetworkInterface: Equatable {
    /// As the guest calls it: ens192, eth0.
    package var name: String
    /// Six pairs of hexadecimal digits in lower case, with colons; nil if nothing tells.
    package var address: String?
    /// The address that a lease of DHCP was for: it may be that of the machine that this one was cloned from.
    package var leasedAddress: String?
    /// The files that speak of it.
    package var sources: [String]
    /// Whether the guest itself already gives the name to the interface with this address.
    package var isPinned = false
}

/// An address of a network interface.
package enum HardwareAddress {
    /// `text` in lower case with colons; nil if it is none.
    package static func normalised(_ text: String) -> String? {
        let pairs = text.lowercased().split(whereSeparator: { ":-".contains($0) })
        guard pairs.count == 6, pairs.allSatisfy({ $0.count == 2 && $0.allSatisfy(\.isHexDigit) }),
            pairs.contains(where: { $0 != "00" })
        else { return nil }
        return pairs.joined(separator: ":")
    }
}
