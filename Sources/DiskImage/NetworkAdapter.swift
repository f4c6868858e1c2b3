/// A network adapter, as the description of a virtual machine has it.
package struct NetworkAdapter: Equatable, Sendable {
    /// Six pairs of hexadecimal digits with colons, as written; nil if the description doesn't tell.
    package var address: String?
    /// VMware's `pciSlotNumber`. The guest's firmware tells it as the slot's number, so udev calls an adapter in slot 192
    /// `ens192`. Nil if the description doesn't tell.
    package var slot: Int?

    /// Whether udev gives an interface in its slot this name.
    package func holds(_ name: String) -> Bool { slot.map { name == "ens\($0)" } ?? false }

    package init(address: String?, slot: Int?) {
        self.address = address
        self.slot = slot
    }
}
