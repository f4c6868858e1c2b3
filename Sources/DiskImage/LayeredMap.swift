/// A layer over its parent: what the layer does not have, the parent has; behind the parent's end there are zeros.
package final class LayeredMap: DiskMap {
    package let virtualSize: UInt64
    package let files: [ImageFile]
    private let layer: any DiskMap
    private let parent: any DiskMap
    /// The parent's files follow the layer's.
    private let firstParentFile: Int

    package init(_ layer: any DiskMap, over parent: any DiskMap) {
        self.layer = layer
        self.parent = parent
        virtualSize = layer.virtualSize
        firstParentFile = layer.files.count
        files = layer.files + parent.files
    }

    package func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let extent = try layer.extent(at: offset, limit: limit)
        guard extent.content == .unallocated else { return extent }
        guard offset.bytes < parent.virtualSize else { return Extent(length: extent.length, content: .zero) }
        let shared = min(extent.length, parent.virtualSize - offset.bytes)
        var below = try parent.extent(at: offset, limit: shared)
        switch below.content {
        case .zero, .unallocated:
            break
        case .data(let file, let start):
            below.content = .data(file: file + firstParentFile, offset: start)
        case .compressed(var unit):
            unit.file += firstParentFile
            below.content = .compressed(unit)
        }
        return below
    }

    package func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        // The layer fails, or the parent where the layer has nothing.
        guard let extent = try? layer.extent(at: offset, limit: limit), extent.content == .unallocated,
            offset.bytes < parent.virtualSize
        else { return layer.unmappableLength(at: offset, limit: limit) }
        let shared = min(extent.length, parent.virtualSize - offset.bytes)
        return parent.unmappableLength(at: offset, limit: shared)
    }
}
