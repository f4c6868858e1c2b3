/// A layer, perhaps over its parent: what the layer does not have, the parent has; behind the parent's end, and where there
/// is no parent, there are zeros.
package final class LayeredMap: DiskMap {
    package let virtualSize: UInt64
    package let files: [ImageFile]
    private let layer: any DiskMap
    private let parent: (any DiskMap)?
    /// The parent's files follow the layer's.
    private let firstParentFile: Int
    /// The run that the layer does not have which it told last, where it starts, and whether it may go on, because no more
    /// of it was asked for. The parent may have many extents there, and to tell the run may take a look at every entry of
    /// the layer's table.
    private var gap = (start: UInt64(0), extent: Extent(length: 0, content: .unallocated), mayGoOn: false)

    package init(_ layer: any DiskMap, over parent: (any DiskMap)?) {
        self.layer = layer
        self.parent = parent
        virtualSize = layer.virtualSize
        firstParentFile = layer.files.count
        files = layer.files + (parent?.files ?? [])
    }

    package func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        if !isInGap(offset.bytes, limit: limit) {
            let extent = try layer.extent(at: offset, limit: limit)
            guard extent.content == .unallocated else { return extent }
            gap = (offset.bytes, extent, extent.length == limit)
        }
        let skipped = offset.bytes - gap.start
        let length = min(limit, gap.extent.length - skipped)
        guard let parent, offset.bytes < parent.virtualSize else {
            var hole = Extent(length: length, content: .zero, zeroOrigin: .absent, unusedPlace: gap.extent.unusedPlace)
            hole.unusedPlace?.offset.bytes += skipped
            return hole
        }
        let shared = min(length, parent.virtualSize - offset.bytes)
        var below = try parent.extent(at: offset, limit: shared)
        below.depth += 1
        shiftFiles(of: &below)
        return below
    }

    /// Whether the gap tells all about `limit` bytes from `offset` on.
    private func isInGap(_ offset: UInt64, limit: UInt64) -> Bool {
        guard offset >= gap.start, offset - gap.start < gap.extent.length else { return false }
        return !gap.mayGoOn || limit <= gap.extent.length - (offset - gap.start)
    }

    /// The parent counts its own files.
    private func shiftFiles(of extent: inout Extent) {
        switch extent.content {
        case .data(let file, let offset):
            extent.content = .data(file: file + firstParentFile, offset: offset)
        case .compressed(var unit):
            unit.file += firstParentFile
            extent.content = .compressed(unit)
        case .zero, .unallocated: break
        }
        extent.unusedPlace?.file += firstParentFile
    }

    package func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        // The layer fails, or the parent where the layer has nothing.
        guard let extent = try? layer.extent(at: offset, limit: limit), extent.content == .unallocated,
            let parent, offset.bytes < parent.virtualSize
        else { return layer.unmappableLength(at: offset, limit: limit) }
        let shared = min(extent.length, parent.virtualSize - offset.bytes)
        return parent.unmappableLength(at: offset, limit: shared)
    }
}
