/// A disk as a virtual machine's description lists it.
struct ApplianceDisk {
    /// What the description calls it: an OVF's `diskId`, or the place in a VMX, such as `scsi0:0`.
    var name: String
    /// The file that holds it, as the description spells it; nil for a disk that is all zeros.
    var fileName: String?
    /// Bytes of the disk according to the description. It may be wrong: an image that knows its size wins.
    var capacity: UInt64?
    /// What the capacity was rounded up to.
    var capacityUnit: UInt64 = 1
    /// Bytes of the file according to the description.
    var fileSize: UInt64?
    /// Whether the description says that the file is a VMDK.
    var isVMDK = false
    /// Whether the description says that the file is compressed with gzip.
    var isCompressed = false
    /// Bytes of the chunks that the file is cut into, if it is; the last may have fewer.
    var chunkSize: UInt64?
    /// Why the disk can't be read, if it can't.
    var obstacle: String?

    /// Whether the description's capacity means a disk of `size` bytes.
    func capacityIs(_ size: UInt64) -> Bool {
        guard let capacity else { return true }
        return size <= capacity && capacity - size < capacityUnit
    }
}
