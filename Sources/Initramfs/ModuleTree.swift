package import GuestDisk

/// The directory of one kernel's modules in the guest, `/lib/modules/KVER`, wherever its files are.
package protocol ModuleTree {
    /// The content of the regular file at `path`, relative to the directory; nil if there is none.
    /// - Parameter limit: bytes that it may have at most.
    /// - Throws: `unsupported` if it has more, and what the filesystem throws.
    func content(of path: String, limit: Int) throws(GuestError) -> [UInt8]?
}
