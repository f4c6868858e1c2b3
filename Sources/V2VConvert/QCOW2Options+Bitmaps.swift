import ByteLayout
import DiskImage

extension QCOW2Options {
    /// Bytes that the persistent bitmaps of the image that `info` is about would take, nil if one of the two formats has none.
    ///
    /// The formula is that of QEMU (`qcow2_get_persistent_dirty_bitmap_size`): each bitmap as large as if no part of it were
    /// empty, its table, and the directory of all.
    func bitmapSize(of info: ImageInfo) -> UInt64? {
        guard !isVersion2, info.format == .qcow2, info.subformat != "0.10" else { return nil }
        let cluster = UInt64(clusterSize)
        var total: UInt64 = 0
        var directory: UInt64 = 0
        for case .object(let members) in info.bitmaps {
            guard case .integer(let granularity)? = members.first(where: { $0.key == "granularity" })?.value,
                case .string(let name)? = members.first(where: { $0.key == "name" })?.value
            else { continue }
            let clusters = info.virtualSize.dividedUp(by: granularity).dividedUp(by: 8).dividedUp(by: cluster)
            total += clusters * cluster + (clusters * 8).alignedUp(to: cluster)
            directory += (24 + UInt64(name.utf8.count)).alignedUp(to: 8)
        }
        return total + directory.alignedUp(to: cluster)
    }
}

extension ImageInfo {
    fileprivate var bitmaps: [InfoValue] {
        guard case .list(let bitmaps)? = formatSpecific.first(where: { $0.key == "bitmaps" })?.value else { return [] }
        return bitmaps
    }
}
