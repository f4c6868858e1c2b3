/// The name of a disk-image format, as `-f` and `-O` take it and `qemu-img` spells it.
public struct ImageFormat: RawRepresentable, Hashable, Sendable {
    /// The name in lower case, such as `vmdk`.
    public let rawValue: String

    /// The format called `rawValue`; whether it is known is checked when it is used.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The bytes of the disk and nothing else.
    public static let raw = ImageFormat(rawValue: "raw")
    /// QEMU's copy-on-write format, versions 2 and 3.
    public static let qcow2 = ImageFormat(rawValue: "qcow2")
    /// VMware's virtual disk format.
    public static let vmdk = ImageFormat(rawValue: "vmdk")
    /// VirtualBox's virtual disk image.
    public static let vdi = ImageFormat(rawValue: "vdi")
    /// Connectix' and Microsoft's virtual hard disk, VHD.
    public static let vpc = ImageFormat(rawValue: "vpc")
    /// Hyper-V's virtual hard disk, version 2.
    public static let vhdx = ImageFormat(rawValue: "vhdx")

    /// The format that users call `name`: `qemu-img`'s name for it, or `vhd` for what it calls `vpc`.
    public init(named name: String) {
        self = name == "vhd" ? .vpc : ImageFormat(rawValue: name)
    }
}
