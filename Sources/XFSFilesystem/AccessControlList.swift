import ByteLayout

/// A POSIX access control list. XFS stores it as an attribute of its own form; what the kernel shows, and other filesystems
/// and archives have, is the form of `linux/posix_acl_xattr.h`.
/// ```
///   XFS:   count 4 │ entries: tag 4, ID 4, permissions 2, unused 2        (big-endian)
///   shown: version 4 │ entries: tag 2, permissions 2, ID 4               (little-endian)
/// ```
struct AccessControlList {
    private static let names = [
        Array("SGI_ACL_FILE".utf8): "system.posix_acl_access",
        Array("SGI_ACL_DEFAULT".utf8): "system.posix_acl_default",
    ]
    private static let version: UInt32 = 2
    /// Tags of entries that name somebody: `ACL_USER` and `ACL_GROUP`. Others have no ID.
    private static let tagsWithID: Set<UInt32> = [0x02, 0x08]

    /// As the kernel calls it.
    let name: String
    /// In the form that the kernel shows.
    let value: [UInt8]

    /// Nil if the attribute `xfsName` is no list, or not one that makes sense.
    init?(xfsName: ArraySlice<UInt8>, _ stored: [UInt8]) {
        guard let name = Self.names[Array(xfsName)], stored.count >= 4 else { return nil }
        let count = Int(stored.bigEndian(UInt32.self, at: 0))
        guard count <= (stored.count - 4) / 12 else { return nil }
        self.name = name
        var value = [UInt8](repeating: 0, count: 4 + 8 * count)
        value.storeLittleEndian(Self.version, at: 0)
        for index in 0..<count {
            let from = 4 + 12 * index
            let to = 4 + 8 * index
            let tag = stored.bigEndian(UInt32.self, at: from)
            value.storeLittleEndian(UInt16(truncatingIfNeeded: tag), at: to)
            value.storeLittleEndian(stored.bigEndian(UInt16.self, at: from + 8), at: to + 2)
            let identifier = Self.tagsWithID.contains(tag) ? stored.bigEndian(UInt32.self, at: from + 4) : .max
            value.storeLittleEndian(identifier, at: to + 4)
        }
        self.value = value
    }
}
