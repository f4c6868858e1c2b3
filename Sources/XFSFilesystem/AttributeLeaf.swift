import ByteLayout
import GuestDisk

/// A block of extended attributes.
/// ```
///   header │ entries: hash 4, place of the name 2, flags 1, unused 1 │ … │ names
///   name with its value:  length of the value 2 │ length 1 │ name │ value
///   name of a remote one: block of the value 4 │ length of the value 4 │ length 1 │ name
/// ```
struct AttributeLeaf {
    /// `XATTR_SIZE_MAX`, in bytes.
    private static let maximumValue = 65536

    private let block: IndexBlock
    private let inode: UInt64

    enum Place {
        case local(ArraySlice<UInt8>)
        /// From a block of the attributes' own numbering on, so many bytes.
        case remote(block: UInt32, length: Int)
    }

    init(_ block: IndexBlock, inode: UInt64) throws(GuestError) {
        self.block = block
        self.inode = inode
        guard block.kind == .attributeLeaf else { throw damaged }
    }

    private var damaged: GuestError {
        GuestError(.damaged, "a block of extended attributes of XFS inode \(inode) is damaged")
    }

    func entry(at index: Int) throws(GuestError) -> (name: AttributeName, place: Place) {
        let bytes = block.bytes
        let entry = block.offset(ofEntry: index)
        let place = Int(bytes.bigEndian(UInt16.self, at: entry + 4))
        let flags = AttributeName.Flags(rawValue: bytes[entry + 6])
        let isLocal = flags.contains(.local)
        let start = place + (isLocal ? 3 : 9)
        guard start <= bytes.count else { throw damaged }
        let end = start + Int(bytes[start - 1])
        guard end <= bytes.count else { throw damaged }
        let name = AttributeName(name: bytes[start..<end], flags: flags)
        if isLocal {
            let length = Int(bytes.bigEndian(UInt16.self, at: place))
            guard end + length <= bytes.count else { throw damaged }
            return (name, .local(bytes[end..<end + length]))
        }
        let length = bytes.bigEndian(UInt32.self, at: place + 4)
        guard length <= UInt32(Self.maximumValue) else { throw damaged }
        return (name, .remote(block: bytes.bigEndian(UInt32.self, at: place), length: Int(length)))
    }
}
