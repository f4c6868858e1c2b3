import ByteLayout
package import DiskImage

/// A VMware virtual disk: opened by its descriptor, or by its only file with the descriptor embedded.
package struct VMDKReader: ImageReader {
    package static let format = ImageFormat.vmdk

    let file: ImageFile
    private let opener: ImageOpener
    let descriptor: Descriptor
    /// In the order of the virtual disk.
    let extents: [OpenedExtent]
    /// The extents' files, each once.
    let files: [ImageFile]

    package static func recognises(_ probe: ProbeData) -> Bool {
        probe.has(VMDK.sparseMagic) || probe.has(VMDK.cowdMagic) || probe.has(VMDK.seSparseMagic)
            || Descriptor.isRecognisable(probe.prefix)
    }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        let prefix = try file.readPrefix(SparseHeader.length)
        guard !prefix.starts(with: VMDK.cowdMagic), !prefix.starts(with: VMDK.seSparseMagic) else {
            throw file.unsupported(
                "this is an extent of an ESXi snapshot, without its descriptor",
                advice: BareExtent.advice(for: file.path))
        }
        self.file = file
        self.opener = opener
        if prefix.starts(with: VMDK.sparseMagic) {
            let header = try Self.openSparse(file)
            descriptor = try Self.embeddedDescriptor(of: file, header: header)
            let length = try Self.length(of: file, header: header, line: descriptor.extents.first)
            let isReadable = descriptor.extents.first?.access != ExtentLine.Access.none
            extents = [
                OpenedExtent(length: length, storage: isReadable ? .sparse(file: 0, header: header) : .zero)
            ]
            files = [file]
        } else {
            descriptor = try Self.textDescriptor(of: file)
            (extents, files) = try Self.openExtents(of: descriptor, in: file, opener: opener)
        }
        try requireReasonableSize()
    }

    /// Extents whose sizes add up to no possible disk, or whose tables would take more memory than any real disk's.
    private func requireReasonableSize() throws(ImageError) {
        var size: UInt64 = 0
        var directoryEntries: UInt64 = 0
        var sparseFiles: Set<Int> = []
        for extent in extents {
            size = size.addingReportingOverflow(extent.length).overflow ? .max : size + extent.length
            guard size <= UInt64(Int64.max) else {
                throw file.damaged("the sizes of the extents add up to more than 2^63 bytes")
            }
            let number: Int
            switch extent.storage {
            case .zero, .flat, .missing: continue
            case .sparse(let file, let header):
                number = file
                directoryEntries += header.directoryEntries
            case .cowd(let file, let header):
                number = file
                directoryEntries += UInt64(header.directoryEntries)
            case .seSparse(let file, _):
                number = file
                directoryEntries += extent.length.dividedUp(by: SESparseHeader.tableCoverage)
            }
            guard sparseFiles.insert(number).inserted else {
                throw file.damaged("the descriptor lists the sparse file \"\(files[number].path)\" twice")
            }
            guard directoryEntries <= VMDK.maximumDirectoryEntries else {
                throw file.damaged(
                    "the extents have grain directories of more than \(VMDK.maximumDirectoryEntries) entries")
            }
        }
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        let map = try VMDKMap(
            extents: extents, files: files, findings: opener.findings, tolerant: opener.salvages)
        return LayeredMap(map, over: try openParentDisk()?.makeMap())
    }

    package func openParent() throws(ImageError) -> (any ImageReader)? { try openParentDisk() }

    /// Opens the disk that this one is a snapshot of.
    private func openParentDisk() throws(ImageError) -> VMDKReader? {
        guard descriptor.hasParent else { return nil }
        guard let hint = descriptor.parentFileNameHint else {
            throw file.damaged("the disk is a snapshot, but its descriptor does not name the parent")
        }
        let (parentFile, parentOpener) = try opener.openParent(
            named: hint, bytes: descriptor.rawParentFileNameHint, by: file)
        let parent = try VMDKReader(file: parentFile, opener: parentOpener)
        // The parent's content ID changes when it is written to; then the child no longer fits.
        let expected = descriptor.parentContentID ?? Descriptor.noParent
        guard opener.ignoresParentChanges || parent.descriptor.contentID == expected else {
            throw file.damaged(
                "the parent \"\(parentFile.path)\" has changed since the snapshot was taken (CID "
                    + "\(String(parent.descriptor.contentID ?? 0, radix: 16)), expected \(String(expected, radix: 16)))",
                advice: "find the right parent; --force-parent takes this one")
        }
        return parent
    }
}
