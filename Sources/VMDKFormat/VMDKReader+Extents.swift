import ByteLayout
import DiskImage

extension VMDKReader {
    /// An extent whose file is open and whose header is known.
    struct OpenedExtent {
        /// Bytes of virtual disk.
        var length: UInt64
        var storage: Storage

        enum Storage {
            case zero
            /// Data from byte `offset` of file number `file`.
            case flat(file: Int, offset: UInt64)
            case sparse(file: Int, header: SparseHeader)
            case cowd(file: Int, header: COWDHeader)
            case seSparse(file: Int, header: SESparseHeader)
        }
    }

    /// The header to go by: the footer's, where the header says that the directory is at the end.
    static func openSparse(_ file: ImageFile) throws(ImageError) -> SparseHeader {
        let header = try SparseHeader(file: file)
        guard header.directoryOffset == SparseHeader.directoryAtEnd else { return header }
        var footer = try StreamFooter.find(in: file)
        guard footer.directoryOffset != SparseHeader.directoryAtEnd else {
            throw file.damaged("the stream's footer does not say where the grain directory is")
        }
        guard footer.capacity == header.capacity, footer.grainSize == header.grainSize else {
            throw file.damaged("the stream's header and footer contradict each other")
        }
        // Footers repeat the header; the descriptor is where the header says.
        footer.descriptorOffset = header.descriptorOffset
        footer.descriptorSize = header.descriptorSize
        return footer
    }

    static func embeddedDescriptor(
        of file: ImageFile, header: SparseHeader
    ) throws(ImageError) -> Descriptor {
        guard header.descriptorOffset != 0 else {
            throw file.unsupported(
                "this is one extent of a VMDK, without a descriptor",
                advice: "name the .vmdk file that lists the extents (a small text file)")
        }
        let bytes = try file.read(
            at: header.descriptorOffset * VMDK.sectorSize,
            count: Int(header.descriptorSize * VMDK.sectorSize), what: "embedded descriptor")
        let descriptor = try parse(bytes, of: file, at: header.descriptorOffset * VMDK.sectorSize)
        // An embedded descriptor describes the file it is in; the name in it is ignored, for the file may be renamed.
        guard descriptor.extents.count == 1, descriptor.extents[0].kind == .sparse else {
            throw file.damaged(
                "the embedded descriptor does not list exactly one sparse extent",
                at: header.descriptorOffset * VMDK.sectorSize)
        }
        return descriptor
    }

    static func textDescriptor(of file: ImageFile) throws(ImageError) -> Descriptor {
        guard file.size <= UInt64(VMDK.maximumDescriptorLength) else {
            throw ImageError(.inputFormat, "this is no VMDK: neither a sparse header nor a descriptor", path: file.path)
        }
        let bytes = try file.readPrefix(VMDK.maximumDescriptorLength)
        guard Descriptor.isRecognisable(bytes) else {
            throw ImageError(.inputFormat, "this is no VMDK: neither a sparse header nor a descriptor", path: file.path)
        }
        let descriptor = try parse(bytes, of: file, at: nil)
        // QEMU writes no extent line for a disk of no bytes, but its geometry says so too.
        let isEmptyDisk = descriptor.database.contains { $0.key == "ddb.geometry.cylinders" && $0.value == "0" }
        guard !descriptor.extents.isEmpty || isEmptyDisk else {
            throw file.damaged("the VMDK descriptor lists no extents")
        }
        return descriptor
    }

    private static func parse(_ bytes: [UInt8], of file: ImageFile, at offset: UInt64?) throws(ImageError) -> Descriptor
    {
        do {
            return try Descriptor(parsing: bytes)
        } catch {
            throw file.damaged("line \(error.line) of the VMDK descriptor: \(error.message)", at: offset)
        }
    }

    static func openExtents(
        of descriptor: Descriptor, in image: ImageFile, opener: ImageOpener
    ) throws(ImageError) -> ([OpenedExtent], [ImageFile]) {
        var extents: [OpenedExtent] = []
        var files: [ImageFile] = []
        var indices: [String: Int] = [:]
        func index(of name: String) throws(ImageError) -> Int {
            if let known = indices[name] { return known }
            files.append(try opener.open(named: name, by: image))
            indices[name] = files.count - 1
            return files.count - 1
        }
        for line in descriptor.extents {
            guard line.sectors <= UInt64.max / VMDK.sectorSize, line.offset <= UInt64.max >> 10 else {
                throw image.damaged("an extent of \(line.sectors) sectors is impossibly large")
            }
            let length = line.sectors * VMDK.sectorSize
            guard line.kind != .zero, line.access != .none, let name = line.fileName else {
                extents.append(OpenedExtent(length: length, storage: .zero))
                continue
            }
            switch line.kind {
            case .flat, .vmfs:
                let number = try index(of: name)
                let offset = line.offset * VMDK.sectorSize
                let available = files[number].size - min(files[number].size, offset)
                guard length <= available else {
                    throw files[number].damaged(
                        "the extent is cut short: the descriptor says \(length) bytes from byte \(offset), "
                            + "the file has \(files[number].size)", at: files[number].size, advice: "copy it again")
                }
                extents.append(OpenedExtent(length: length, storage: .flat(file: number, offset: offset)))
            case .sparse:
                let number = try index(of: name)
                let header = try openSparse(files[number])
                let length = try Self.length(of: files[number], header: header, line: line)
                extents.append(OpenedExtent(length: length, storage: .sparse(file: number, header: header)))
            case .vmfsSparse:
                let number = try index(of: name)
                let header = try COWDHeader(file: files[number])
                extents.append(OpenedExtent(length: length, storage: .cowd(file: number, header: header)))
            case .seSparse:
                let number = try index(of: name)
                let header = try SESparseHeader(file: files[number])
                extents.append(OpenedExtent(length: length, storage: .seSparse(file: number, header: header)))
            case .zero, .vmfsRDM, .vmfsRaw:
                throw image.unsupported(
                    "the extent \"\(name)\" is a mapping of a raw device (\(line.kind.rawValue)), whose data is elsewhere",
                    advice: "convert the device itself")
            }
        }
        return (extents, files)
    }

    /// Bytes of the extent: the line's size wins over the header's capacity, which some writers round up to a grain.
    static func length(
        of file: ImageFile, header: SparseHeader, line: ExtentLine?
    ) throws(ImageError) -> UInt64 {
        guard let sectors = line?.sectors else { return header.capacity * VMDK.sectorSize }
        guard header.capacity > 0 || sectors == 0 else {
            throw file.damaged("the header says that the disk has no sectors, the descriptor \(sectors)", at: 12)
        }
        guard
            sectors <= UInt64.max >> 10,
            sectors >= header.capacity || sectors.alignedUp(to: header.grainSize) == header.capacity
        else {
            throw file.damaged(
                "the header says \(header.capacity) sectors, the descriptor \(sectors): the descriptor would cut the disk",
                at: 12)
        }
        return sectors * VMDK.sectorSize
    }
}
