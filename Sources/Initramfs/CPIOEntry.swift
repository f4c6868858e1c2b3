/// A member of a cpio archive in the "newc" format, which initramfs files are made of: everything but its content.
///
/// Fields as the kernel's documentation has them (Documentation/driver-api/early-userspace/buffer-format.rst): eight
/// hexadecimal digits each. Those that no caller asks for (owner, time, device) are not kept.
package struct CPIOEntry: Equatable, Sendable {
    /// As it is stored, without the zero at its end; bytes that are no UTF-8 have become replacement characters.
    package var name: String
    /// `c_mode`: type and permissions.
    package var mode: UInt32
    /// `c_filesize`: bytes of the content; of a symbolic link, of where it leads. Hard links after the first may have
    /// none.
    package var size: UInt32
    /// `c_ino` and the device that it is on: the same for all names of a file.
    package var inode: Inode
    /// `c_nlink`: names of the file.
    package var links: UInt32
    /// Where a symbolic link leads.
    package var linkTarget: String?

    package struct Inode: Hashable, Sendable {
        package var number: UInt32
        /// `c_devmajor` and `c_devminor`.
        package var major, minor: UInt32
    }

    package enum Kind: Sendable {
        case regular, directory, symbolicLink, other
    }

    /// The name relative to the root of the initramfs, without `./`.
    package var path: String { name.split(separator: "/").filter { $0 != "." }.joined(separator: "/") }

    package var kind: Kind {
        switch mode & Self.typeMask {
        case Self.regularType: .regular
        case Self.directoryType: .directory
        case Self.symbolicLinkType: .symbolicLink
        default: .other
        }
    }

    static let typeMask: UInt32 = 0o170000
    static let regularType: UInt32 = 0o100000
    static let directoryType: UInt32 = 0o040000
    static let symbolicLinkType: UInt32 = 0o120000
}
