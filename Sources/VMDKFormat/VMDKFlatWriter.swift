import ByteLayout
package import DiskImage

/// Writes VMDKs of flat extents, which have the bytes of the disk and nothing else: monolithicFlat, a descriptor and one
/// extent, and twoGbMaxExtentFlat, one for each 2 GiB of disk.
package final class VMDKFlatWriter: ImageWriter {
    package let layout: WriterLayout
    package let companions: [String]
    private let options: VMDKOptions
    private let virtualSize: UInt64
    private let lines: [ExtentLine]
    private var digest: ContentDigest

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, whole sectors.
    ///   - unitSize: granularity of zero detection in bytes.
    package init(virtualSize: UInt64, options: VMDKOptions, name: VMDKName, unitSize: Int) {
        self.options = options
        self.virtualSize = virtualSize
        layout = WriterLayout(unitSize: unitSize, keepsOffsets: true, hasChecksums: true, unusedPlaces: .disk)
        lines = name.extentLines(options.subformat, virtualSize: virtualSize)
        companions = lines.map { $0.fileName ?? "" }
        digest = options.digest(virtualSize: virtualSize, name: name)
    }

    /// The descriptor, whose length is the same whatever the content, and the extents.
    package var fullSizes: [UInt64]? { [UInt64(descriptor.count)] + lines.map { $0.sectors * VMDK.sectorSize } }

    /// The descriptor, with an identifier for what has been placed.
    private var descriptor: [UInt8] {
        Array(Descriptor(options: options, virtualSize: virtualSize, contentID: digest.bits, extents: lines).text.utf8)
    }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        digest.add(chunk)
        var placement = Placement()
        let extentLength = lines[0].sectors * VMDK.sectorSize
        var position = chunk.offset.bytes
        let end = position + chunk.length
        while position < end {
            let index = position / extentLength
            let stop = min(end, (index + 1) * extentLength)
            let offset = HostOffset(position % extentLength)
            placement.append(length: stop - position, file: Int(index) + 1, at: offset)
            try output.reserve(Int(index) + 1, upTo: stop - index * extentLength)
            position = stop
        }
        return placement
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        let descriptor = descriptor
        try output.write(descriptor, at: HostOffset(0))
        return [UInt64(descriptor.count)] + lines.map { $0.sectors * VMDK.sectorSize }
    }
}
