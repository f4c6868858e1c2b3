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
            /// Its file is missing or makes no sense, which is an error only when its data is wanted.
            case missing(ImageError)
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
        let start = header.descriptorOffset * VMDK.sectorSize
        let bytes = try file.read(
            at: start, count: Int(header.descriptorSize * VMDK.sectorSize), what: "embedded descriptor")
        // QEMU leaves room for a descriptor in the extents of a split disk too.
        guard start != 0, bytes.first ?? 0 != 0 else {
            throw file.unsupported(
                "this is one extent of a VMDK, without a descriptor", advice: BareExtent.advice(for: file.path))
        }
        let descriptor = try parse(bytes, of: file, at: start)
        // An embedded descriptor describes the file it is in; the name in it is ignored, for the file may be renamed.
        guard descriptor.extents.count == 1, descriptor.extents[0].kind == .sparse else {
            throw file.damaged(
                "the embedded descriptor does not list exactly one sparse extent",
                at: start)
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
        var files = ExtentFiles(image: image, opener: opener)
        for line in descriptor.extents {
            guard line.sectors <= UInt64.max / VMDK.sectorSize, line.offset <= UInt64.max >> 10 else {
                throw image.damaged("an extent of \(line.sectors) sectors is impossibly large")
            }
            do throws(ImageError) {
                extents.append(try open(line, &files))
            } catch {
                guard opener.salvages else { throw error }
                extents.append(OpenedExtent(length: line.sectors * VMDK.sectorSize, storage: .missing(error)))
            }
        }
        return (extents, files.files)
    }

    /// The files of a descriptor's extents, each opened once.
    private struct ExtentFiles {
        let image: ImageFile
        let opener: ImageOpener
        private(set) var files: [ImageFile] = []
        private var indices: [String: Int] = [:]

        init(image: ImageFile, opener: ImageOpener) {
            self.image = image
            self.opener = opener
        }

        /// The number and the file of the extent called `name`.
        mutating func open(_ name: String, raw: [UInt8]?) throws(ImageError) -> (number: Int, file: ImageFile) {
            if let known = indices[name] { return (known, files[known]) }
            let file = try opener.open(named: name, bytes: raw, by: image)
            files.append(file)
            indices[name] = files.count - 1
            return (files.count - 1, file)
        }
    }

    /// Opens the extent of one line.
    private static func open(_ line: ExtentLine, _ files: inout ExtentFiles) throws(ImageError) -> OpenedExtent {
        let length = line.sectors * VMDK.sectorSize
        guard line.kind != .zero, line.access != .none, let name = line.fileName else {
            return OpenedExtent(length: length, storage: .zero)
        }
        let (number, file) = try openFile(name, of: line, &files)
        switch line.kind {
        case .flat, .vmfs, .zero, .vmfsRDM, .vmfsRaw:
            let offset = line.offset * VMDK.sectorSize
            let available = file.size - min(file.size, offset)
            guard length <= available || files.opener.salvages else {
                throw file.damaged(
                    "the extent is cut short: the descriptor says \(length) bytes from byte \(offset), "
                        + "the file has \(file.size)", at: file.size, advice: "copy it again")
            }
            return OpenedExtent(length: length, storage: .flat(file: number, offset: offset))
        case .sparse, .vmfsSparse, .seSparse:
            return try openGrains(number, file, line)
        }
    }

    /// Opens a file of grains. Its magic decides which kind it is; without one it should be what its line says.
    private static func openGrains(
        _ number: Int, _ file: ImageFile, _ line: ExtentLine
    ) throws(ImageError) -> OpenedExtent {
        let length = line.sectors * VMDK.sectorSize
        let magics: [(magic: [UInt8], kind: ExtentLine.Kind)] = [
            (VMDK.sparseMagic, .sparse), (VMDK.cowdMagic, .vmfsSparse), (VMDK.seSparseMagic, .seSparse),
        ]
        let prefix = try file.readPrefix(VMDK.seSparseMagic.count)
        switch magics.first(where: { prefix.starts(with: $0.magic) })?.kind ?? line.kind {
        case .vmfsSparse:
            return OpenedExtent(length: length, storage: .cowd(file: number, header: try COWDHeader(file: file)))
        case .seSparse:
            return OpenedExtent(
                length: length, storage: .seSparse(file: number, header: try SESparseHeader(file: file)))
        default:
            let header = try openSparse(file)
            let length = try Self.length(of: file, header: header, line: line)
            return OpenedExtent(length: length, storage: .sparse(file: number, header: header))
        }
    }

    /// Opens the file of an extent. That of a raw device mapping normally is a pointer that only ESXi can follow; it is
    /// taken if somebody has put the device's data, or the device, in its place.
    private static func openFile(
        _ name: String, of line: ExtentLine, _ files: inout ExtentFiles
    ) throws(ImageError) -> (number: Int, file: ImageFile) {
        guard line.kind == .vmfsRDM || line.kind == .vmfsRaw else {
            return try files.open(name, raw: line.rawFileName)
        }
        if let (number, file) = try? files.open(name, raw: line.rawFileName),
            case let available = file.size / VMDK.sectorSize, line.offset <= available,
            line.sectors <= available - line.offset
        {
            return (number, file)
        }
        throw files.image.unsupported(
            "the extent \"\(name)\" is a mapping of a raw device (\(line.kind.rawValue)), whose data is elsewhere",
            advice: "convert the device itself, or put its data there")
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
