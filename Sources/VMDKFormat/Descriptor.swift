/// The text that says what a virtual disk consists of.
struct Descriptor: Equatable {
    /// `CID`: changes when the content does.
    var contentID: UInt32?
    /// `parentCID`: the parent's ``contentID`` when this child was made; all ones for a disk without parent.
    var parentContentID: UInt32?
    /// `parentFileNameHint`.
    var parentFileNameHint: String?
    /// The hint's bytes, if the descriptor is not in UTF-8.
    var rawParentFileNameHint: [UInt8]?
    /// `createType`, as written: a name for messages; the extent lines decide.
    var createType: String?
    /// In the order of the virtual disk.
    var extents: [ExtentLine] = []
    /// The disk database, `ddb.…` keys without quotes, in order.
    var database: [(key: String, value: String)] = []

    /// The value of ``parentContentID`` that means "no parent".
    static let noParent: UInt32 = 0xFFFF_FFFF

    var hasParent: Bool {
        parentFileNameHint != nil || (parentContentID ?? Self.noParent) != Self.noParent
    }

    static func == (left: Descriptor, right: Descriptor) -> Bool {
        left.contentID == right.contentID && left.parentContentID == right.parentContentID
            && left.parentFileNameHint == right.parentFileNameHint
            && left.rawParentFileNameHint == right.rawParentFileNameHint && left.createType == right.createType
            && left.extents == right.extents && left.database.elementsEqual(right.database, by: ==)
    }
}

/// One line such as `RW 4192256 SPARSE "disk-s001.vmdk"`.
struct ExtentLine: Equatable {
    var access: Access
    /// Size on the virtual disk.
    var sectors: UInt64
    var kind: Kind
    /// Absent for `ZERO`.
    var fileName: String?
    /// The name's bytes, if the descriptor is not in UTF-8.
    var rawFileName: [UInt8]?
    /// Sector of the file where a flat extent starts.
    var offset: UInt64

    enum Access: String {
        /// Readable and writable.
        case readWrite = "RW"
        /// Data all the same.
        case readOnly = "RDONLY"
        /// Not to be read: the guest saw nothing there.
        case none = "NOACCESS"
    }

    enum Kind: String {
        case flat = "FLAT"
        case sparse = "SPARSE"
        case zero = "ZERO"
        case vmfs = "VMFS"
        case vmfsSparse = "VMFSSPARSE"
        case seSparse = "SESPARSE"
        case vmfsRDM = "VMFSRDM"
        case vmfsRaw = "VMFSRAW"
    }
}
