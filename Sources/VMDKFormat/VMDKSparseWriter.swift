import ByteLayout
package import DiskImage

/// Writes VMDKs of sparse extents: monolithicSparse, one extent with the descriptor in it, and twoGbMaxExtentSparse, a
/// descriptor and an extent for each 2 GiB of disk.
package final class VMDKSparseWriter: ImageWriter {
    package let layout: WriterLayout
    package let companions: [String]
    private let options: VMDKOptions
    private let virtualSize: UInt64
    private let lines: [ExtentLine]
    /// The extent that is being filled, and its number.
    private var extent: SparseExtentBuilder
    private var extentIndex = 0
    /// Bytes of the finished extents' files.
    private var sizes: [UInt64] = []
    private var digest: ContentDigest

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, whole sectors.
    ///   - storesZeros: zeros are stored too.
    /// - Throws: `invalidOption` if the disk or the name does not fit into a VMDK of this form.
    package init(
        virtualSize: UInt64, options: VMDKOptions, name: VMDKName, storesZeros: Bool
    ) throws(ImageError) {
        self.options = options
        self.virtualSize = virtualSize
        layout = WriterLayout(
            unitSize: options.grainSize, keepsOffsets: false, hasChecksums: true)
        lines = name.extentLines(options.subformat, virtualSize: virtualSize)
        companions = options.subformat == .monolithicSparse ? [] : lines.map { $0.fileName ?? "" }
        digest = options.digest(virtualSize: virtualSize, name: name)
        extent = Self.builder(lines, 0, options)
        try VMDK.requireDirectories(virtualSize: virtualSize)
        guard !storesZeros || !companions.isEmpty || extent.end + virtualSize <= VMDK.sparseFileLimit else {
            throw VMDK.tooLarge
        }
    }

    private static func builder(_ lines: [ExtentLine], _ index: Int, _ options: VMDKOptions) -> SparseExtentBuilder {
        let isMonolithic = options.subformat == .monolithicSparse
        return SparseExtentBuilder(
            file: isMonolithic ? 0 : index + 1, capacity: lines[index].sectors, hasDescriptor: isMonolithic,
            allowsZeroedGrains: options.allowsZeroedGrains)
    }

    /// The descriptor, whose length is the same whatever the content, and the extents; nil if one has no room for all.
    package var fullSizes: [UInt64]? {
        let ends = lines.indices.map { Self.builder(lines, $0, options).fullEnd }
        guard ends.allSatisfy({ $0 <= VMDK.sparseFileLimit }) else { return nil }
        return companions.isEmpty ? ends : [UInt64(descriptor.count)] + ends
    }

    private var descriptor: [UInt8] {
        Array(Descriptor(options: options, virtualSize: virtualSize, contentID: digest.bits, extents: lines).text.utf8)
    }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        digest.add(chunk)
        var placement = Placement()
        let grain = UInt64(layout.unitSize)
        let extentLength = lines[0].sectors * VMDK.sectorSize
        for (index, unit) in chunk.units.enumerated() where unit != .zero {
            let offset = chunk.offset.bytes + UInt64(index) * grain
            try selectExtent(Int(offset / extentLength), output: output)
            let place = try extent.place(grain: offset % extentLength / grain, output: output)
            placement.append(length: grain, file: extent.file, at: place)
        }
        try output.reserve(extent.file, upTo: extent.end)
        return placement
    }

    /// Makes extent `index` the current one; those before it are complete.
    private func selectExtent(_ index: Int, output: any OutputSink) throws(ImageError) {
        while extentIndex < index {
            try extent.finish(descriptor: [], output: output)
            sizes.append(extent.end)
            try output.reserve(extent.file, upTo: extent.end)
            extentIndex += 1
            extent = Self.builder(lines, extentIndex, options)
        }
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        let descriptor = descriptor
        try selectExtent(lines.count - 1, output: output)
        try extent.finish(descriptor: companions.isEmpty ? descriptor : [], output: output)
        sizes.append(extent.end)
        guard !companions.isEmpty else { return sizes }
        try output.write(descriptor, at: HostOffset(0))
        return [UInt64(descriptor.count)] + sizes
    }
}
