public import MachineDefinition

/// Which definitions of the virtual machine are written beside its disk.
public struct DefinitionOptions: Sendable {
    /// Each kind that is to be written.
    public var formats: Set<DefinitionFormat>
    /// What the disk is attached to.
    public var bus = DiskBus.virtioBlock

    /// Definitions of these kinds, with the disk on virtio-blk.
    public init(_ formats: Set<DefinitionFormat>) {
        self.formats = formats
    }
}
