package import GuestDisk

/// btrfs on one device: subvolumes, and files in extents that may be compressed.
///
/// Files can be overwritten in the blocks that they have if nothing shares them; see `overwrite`. Files are known by the number of their inode and, in the upper 16 bits, that of their subvolume in a list
/// which grows as subvolumes are met.
package final class BtrfsFilesystem: Filesystem {
    let space: LogicalSpace
    let rootTree: BtrfsTree
    package let identity: FilesystemIdentity
    package let writability: Writability
    package private(set) var root = FileID(0)
    package private(set) var subvolumes: [Subvolume] = []
    /// What whoever reads the filesystem should know though it can be read.
    package private(set) var warnings: [String] = []

    /// The subvolumes that were met, and their trees as far as they were looked into.
    var metSubvolumes: [(id: UInt64, tree: BtrfsTree?)] = []
    /// The extent that was decompressed last, by its address.
    var latestExtent: (address: UInt64, bytes: [UInt8])?
    /// The tree with the checksums of data, once one was needed.
    var checksumTree: BtrfsTree?
    /// How many directories may still be gone through to find out where subvolumes are, which takes a moment each. Programs that
    /// keep containers in subvolumes make some ten thousand, a few directories deep.
    var directoriesLeft = 1 << 18
    /// What went wrong halfway through a change; nothing is written any more.
    var failure: GuestError?

    package static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool {
        try BtrfsSuperblock.recognises(device)
    }

    package init(device: any BlockDevice) throws(GuestError) {
        let superblock = try BtrfsSuperblock.read(device)
        identity = superblock.identity
        writability = superblock.hasLog || superblock.obstacle != nil ? .none : .inPlace
        space = try LogicalSpace(device, superblock)
        rootTree = try BtrfsTree(space, superblock.root)
        if superblock.hasLog {
            warnings.append(
                "the btrfs filesystem was not unmounted: files that were flushed last may be read as they were before")
        }
        let defaultID = try defaultSubvolume()
        root = try rootDirectory(ofSubvolume: defaultID)
        subvolumes = [Subvolume(name: nil, file: root)]
        if defaultID != BtrfsKey.Object.topLevel {
            subvolumes.append(Subvolume(name: "", file: try rootDirectory(ofSubvolume: BtrfsKey.Object.topLevel)))
        }
        try findSubvolumes()
    }

    /// Bytes of the paths of all subvolumes that are listed.
    private static let maximumPaths = 16 << 20

    /// Lists what is below the top, and notes what is damaged.
    private func findSubvolumes() throws(GuestError) {
        var waiting: [(id: UInt64, path: String)] = [(BtrfsKey.Object.topLevel, "")]
        var seen: Set<UInt64> = [BtrfsKey.Object.topLevel]
        var bytesLeft = Self.maximumPaths
        while let (parent, path) = waiting.popLast() {
            do throws(GuestError) {
                let children = try children(ofSubvolume: parent)
                for child in children.found where seen.insert(child.id).inserted {
                    let childPath = path.isEmpty ? child.path : path + "/" + child.path
                    let length = childPath.utf8.count
                    guard length <= Self.maximumPath, length <= bytesLeft else {
                        throw GuestError(.unsupported, "there are too many, or they are too deep")
                    }
                    bytesLeft -= length
                    waiting.append((child.id, childPath))
                    subvolumes.append(Subvolume(name: childPath, file: try rootDirectory(ofSubvolume: child.id)))
                }
                if let problem = children.problem { throw problem }
            } catch {
                try error.requireReadable()
                warnings.append("some subvolumes below \"\(path.prefix(200))\" can't be listed: \(error)")
            }
        }
    }
}
