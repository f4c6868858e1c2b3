import DiskImage

extension ImageFormat {
    /// A tar archive of an OVF and what it names.
    static let ova = ImageFormat(rawValue: "ova")
    /// The Open Virtualization Format's XML.
    static let ovf = ImageFormat(rawValue: "ovf")
    /// VMware's configuration of a virtual machine.
    static let vmx = ImageFormat(rawValue: "vmx")
}
