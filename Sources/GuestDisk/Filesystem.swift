/// A filesystem of the guest, on a device. Used by one thread at a time.
///
/// Names and symbolic links are bytes, as on the disk: nothing says that they are UTF-8. Paths, mounts and symbolic links that
/// lead elsewhere are no concern of a filesystem; see `GuestTree`.
package protocol Filesystem: AnyObject, SendableMetatype {
    /// Whether the device holds, or held, a filesystem of this type: a damaged one still counts if its magic is there.
    /// - Throws: only `disk`.
    static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool

    /// Reads what is needed to look into it.
    /// - Throws: `damaged`, `unsupported`, `unclean`, `disk`.
    init(device: any BlockDevice) throws(GuestError)

    var identity: FilesystemIdentity { get }

    /// What a user should know about it: why it can't be changed, what is not as it seems.
    var warnings: [String] { get }

    /// What can be done besides reading.
    var writability: Writability { get }

    /// The directory that everything is in; what is mounted if nothing else is asked for.
    var root: FileID { get }

    /// What can be mounted: the root first, then subvolumes.
    var subvolumes: [Subvolume] { get }

    func status(of file: FileID) throws(GuestError) -> FileStatus

    /// What `directory` calls `name`; nil if it has no such entry.
    func lookUp(_ name: [UInt8], in directory: FileID) throws(GuestError) -> FileID?

    /// Calls `body` with each entry but `.` and `..`, in no order that means anything, until it returns false.
    func forEachEntry(
        of directory: FileID, _ body: (_ name: [UInt8], _ file: FileID) throws(GuestError) -> Bool
    ) throws(GuestError)

    /// Where a symbolic link leads.
    func readLink(_ link: FileID) throws(GuestError) -> [UInt8]

    /// The `count` bytes of a regular file from `offset`, fewer at its end; holes are zeros.
    func read(_ file: FileID, at offset: UInt64, count: Int) throws(GuestError) -> [UInt8]

    /// All extended attributes, names with their namespace (`security.selinux`), ordered by name.
    func extendedAttributes(of file: FileID) throws(GuestError) -> [ExtendedAttribute]

    /// How long a content ``overwrite(_:with:)`` takes: without allocating, what the file's blocks hold.
    /// - Throws: `unsupported` if the file can't be overwritten at all, with the reason (its blocks are shared, say).
    func capacity(of file: FileID) throws(GuestError) -> UInt64

    /// Gives a regular file another content, in place: same inode, same owner, mode and attributes. Its time of modification
    /// stays too, so that a conversion's result depends on nothing but its input.
    /// - Parameter content: at most ``capacity(of:)`` bytes.
    func overwrite(_ file: FileID, with content: [UInt8]) throws(GuestError)

    /// Makes a regular file or symbolic link with another name's owner and times.
    /// - Throws: `unsupported` unless ``writability`` is `full`; `noSpace`.
    func create(_ name: [UInt8], in directory: FileID, _ content: NewFile) throws(GuestError) -> FileID

    /// Removes the name of a regular file or symbolic link, and the file if it has no other.
    /// - Throws: `unsupported` unless ``writability`` is `full`.
    func remove(_ name: [UInt8], in directory: FileID) throws(GuestError)

    /// Puts all changes onto the device.
    func flush() throws(GuestError)
}

/// A part of a filesystem that can be mounted on its own.
package struct Subvolume: Equatable, Sendable {
    /// Its path from the top of the filesystem, without a slash in front; nil for the root.
    package var name: String?
    package var file: FileID

    package init(name: String?, file: FileID) {
        self.name = name
        self.file = file
    }
}

/// The number by which a filesystem knows a file: of its inode, or what stands for one.
package struct FileID: Hashable, Sendable {
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }
}

/// What a filesystem is called.
package struct FilesystemIdentity: Equatable, Sendable {
    /// As `blkid` calls it: ext2, ext3, ext4, xfs, btrfs, vfat.
    package var type: String
    /// As `blkid` prints it, and `/etc/fstab` has it behind `UUID=`; nil if there is none.
    package var uuid: String?
    /// Nil if there is none.
    package var label: String?

    package init(type: String, uuid: String?, label: String?) {
        self.type = type
        self.uuid = uuid
        self.label = label
    }
}

/// What can be done to a filesystem.
package enum Writability: Sendable {
    /// Nothing.
    case none
    /// Files can be overwritten in the blocks that they have.
    case inPlace
    /// Files can be made, removed, and grow.
    case full
}

/// What an inode says.
package struct FileStatus: Equatable, Sendable {
    package enum Kind: Sendable {
        case regular, directory, symbolicLink, characterDevice, blockDevice, fifo, socket
    }

    package var kind: Kind
    /// The lower 12 bits of the mode: permissions, set-user-ID, set-group-ID, sticky.
    package var permissions: UInt16
    package var owner: UInt32
    package var group: UInt32
    /// Bytes of the content; of a symbolic link, of where it leads.
    package var size: UInt64
    package var links: UInt32
    /// When the content was changed last, in seconds since 1970.
    package var modified: Int64

    package init(
        kind: Kind, permissions: UInt16, owner: UInt32, group: UInt32, size: UInt64, links: UInt32, modified: Int64
    ) {
        self.kind = kind
        self.permissions = permissions
        self.owner = owner
        self.group = group
        self.size = size
        self.links = links
        self.modified = modified
    }
}

package struct ExtendedAttribute: Equatable, Sendable {
    /// With its namespace (`security.selinux`); nothing says that the rest is UTF-8. Has no zero byte.
    package var name: [UInt8]
    package var value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }

    package init(name: String, value: [UInt8]) {
        self.init(name: Array(name.utf8), value: value)
    }

    /// In the order in which lists have them.
    package static func isBefore(_ a: ExtendedAttribute, _ b: ExtendedAttribute) -> Bool {
        a.name.lexicographicallyPrecedes(b.name)
    }
}

/// A file to be made.
package struct NewFile: Sendable {
    package enum Content: Sendable {
        case regular([UInt8])
        case symbolicLink([UInt8])
        case directory
    }

    package var content: Content
    /// The lower 12 bits of the mode.
    package var permissions: UInt16
    package var owner: UInt32
    package var group: UInt32
    /// Seconds since 1970, for all times that the inode has.
    package var modified: Int64
    package var attributes: [ExtendedAttribute]

    package init(
        _ content: Content, permissions: UInt16, owner: UInt32 = 0, group: UInt32 = 0, modified: Int64,
        attributes: [ExtendedAttribute] = []
    ) {
        self.content = content
        self.permissions = permissions
        self.owner = owner
        self.group = group
        self.modified = modified
        self.attributes = attributes
    }
}

extension Filesystem {
    package var warnings: [String] { [] }

    /// Most filesystems have no others.
    package var subvolumes: [Subvolume] { [Subvolume(name: nil, file: root)] }

    /// Whole content of a regular file.
    /// - Throws: `unsupported` if it has more than `limit` bytes.
    package func readAll(_ file: FileID, limit: Int) throws(GuestError) -> [UInt8] {
        let size = try status(of: file).size
        guard size <= UInt64(limit) else {
            throw GuestError(.unsupported, "the file has \(size) bytes; at most \(limit) are read")
        }
        return try read(file, at: 0, count: Int(size))
    }
}
