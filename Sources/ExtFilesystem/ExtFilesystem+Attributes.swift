import ByteLayout
import CExt2fs
import Glibc
package import GuestDisk

extension ExtFilesystem {
    package func extendedAttributes(of file: FileID) throws(GuestError) -> [ExtendedAttribute] {
        _ = try inode(file)
        guard superblock.hasAttributes else { return [] }
        var attributes: [ExtendedAttribute] = []
        unsafe try withAttributes(of: file, "the extended attributes of inode \(file.number) can't be read") { handle in
            unsafe withNames(in: handle) { names in
                // The rest of a small file's content is kept as an attribute; the kernel doesn't list it.
                for name in names where name != Self.contentName {
                    var value: UnsafeMutableRawPointer?
                    var length = 0
                    let code = unsafe ext2fs_xattr_get(handle, name.cString, &value, &length)
                    guard code == 0 else { return code }
                    // Safe: the library has allocated `length` bytes, which are ours now.
                    let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: value, count: length))
                    unsafe ext2fs_free_mem(&value)
                    let isList = name.starts(with: Self.listPrefix)
                    attributes.append(
                        ExtendedAttribute(name: name, value: isList ? Self.withUndefinedIdentifiers(bytes) : bytes))
                }
                return 0
            }
        }
        return attributes.sorted(by: ExtendedAttribute.isBefore)
    }

    private static let contentName = Array("system.data".utf8)
    private static let listPrefix = Array("system.posix_acl_".utf8)

    /// Removes all attributes of a file, and gives up what it has of inodes that hold large values: what frees an inode of the
    /// library does not count these.
    func removeAttributes(of file: FileID) throws(GuestError) {
        unsafe try withAttributes(of: file, "the extended attributes of inode \(file.number) can't be removed") {
            handle in
            unsafe withNames(in: handle) { names in
                for name in names where name != Self.contentName {
                    let code = unsafe ext2fs_xattr_remove(handle, name.cString)
                    guard code == 0 else { return code }
                }
                return 0
            }
        }
    }

    /// Calls `body` with the names that are in the library's table.
    private func withNames(in handle: OpaquePointer, _ body: ([[UInt8]]) -> errcode_t) -> errcode_t {
        let names = Names()
        // Safe: the names are only used during the call, in which they live.
        let context = unsafe Unmanaged.passUnretained(names).toOpaque()
        let code = unsafe ext2fs_xattrs_iterate(
            handle,
            { name, _, _, context in
                guard let name = unsafe name, let context = unsafe context else { return 0 }
                // Safe: the name ends with a zero byte.
                let bytes = unsafe UnsafeRawBufferPointer(start: name, count: strlen(name))
                unsafe Unmanaged<Names>.fromOpaque(context).takeUnretainedValue().list.append(Array(bytes))
                return 0
            }, context)
        return code == 0 ? body(names.list) : code
    }

    /// An access control list, with -1 for who is meant by entries that name nobody, as the kernel has it. The library puts 0.
    ///
    /// A version of 4 bytes, then entries: what kind (2 bytes), permissions (2 bytes), who (4 bytes).
    private static func withUndefinedIdentifiers(_ list: [UInt8]) -> [UInt8] {
        let namedKinds: [UInt16] = [2, 8]
        var list = list
        for offset in stride(from: 4, through: list.count - 8, by: 8)
        where !namedKinds.contains(list.littleEndian(UInt16.self, at: offset)) {
            list.storeLittleEndian(UInt32.max, at: offset + 4)
        }
        return list
    }

    /// Adds attributes to a file that has none.
    func setAttributes(of file: FileID, _ attributes: [ExtendedAttribute]) throws(GuestError) {
        guard !attributes.isEmpty else { return }
        unsafe try withAttributes(of: file, "the extended attributes of inode \(file.number) can't be written") {
            handle in
            for attribute in attributes {
                let code = unsafe attribute.value.withUnsafeBytes { value in
                    // Safe: the library copies the value.
                    unsafe ext2fs_xattr_set(handle, attribute.name.cString, value.baseAddress, value.count)
                }
                guard code == 0 else { return code }
            }
            return 0
        }
    }

    /// What collects names.
    private final class Names {
        var list: [[UInt8]] = []
    }

    /// Calls `body` with the library's table of a file's attributes, as it has read it.
    private func withAttributes(
        of file: FileID, _ what: String, _ body: (OpaquePointer) -> errcode_t
    ) throws(GuestError) {
        let filesystem = unsafe library.filesystem
        try library.call(what) {
            var opened: OpaquePointer?
            let code = unsafe ext2fs_xattrs_open(filesystem, UInt32(file.number), &opened)
            guard code == 0, let handle = unsafe opened else { return code }
            defer { unsafe ext2fs_xattrs_close(&opened) }
            let readCode = unsafe ext2fs_xattrs_read(handle)
            return unsafe readCode == 0 ? body(handle) : readCode
        }
    }
}

extension [UInt8] {
    /// With a zero behind, as C has it.
    fileprivate var cString: [CChar] { map { CChar(bitPattern: $0) } + [0] }
}
