import V2VConvert

/// A parser under test, and how an input reaches it. The raw value is the name of its corpus.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// The text of a VMDK descriptor; its extents and parents are in `Fuzz/files`.
    case vmdkDescriptor = "vmdk-descriptor"
    /// A hosted sparse VMDK (KDMV).
    case vmdkSparse = "vmdk-sparse"
    /// A stream-optimized VMDK: compressed grains, markers, footer.
    case vmdkStream = "vmdk-stream"
    /// The extent of a vmfsSparse snapshot.
    case cowd
    /// The extent of a seSparse snapshot.
    case seSparse = "sesparse"
    case qcow2
    case vdi
    /// Fixed, dynamic, or differencing with a parent in `Fuzz/files`.
    case vhd
    /// The pieces of a VHDX (see ``ScatteredInput``), perhaps with a log, or with a parent in `Fuzz/files`.
    case vhdx
    /// A tar archive with an OVF, whose disks are in the archive.
    case ova
    /// An OVF; its disks are in `Fuzz/files`.
    case ovf
    /// A stream-optimized VMDK that is read front to back.
    case vmdkPipe = "vmdk-pipe"
    /// A tar archive with an OVF, gzip'd or not, that is read front to back.
    case ovaPipe = "ova-pipe"
    /// The configuration of a VMware machine; its disks are in `Fuzz/files`.
    case vmx
    /// Anything: the format is found out by its content.
    case probe

    /// Reads `input`, a file of `directory`, as an image the way the library does, and checks what comes of it.
    /// - Throws: if a promise is broken. That the image is refused breaks none.
    package func run(_ input: some Collection<UInt8>, in directory: FuzzDirectory) throws(Violation) {
        var source = DiskImageSource(path: directory.file("image"), format: format)
        if self == .vhdx {
            var scattered = ScatteredInput(input)
            scattered.mendVHDXChecksums()
            directory.write(scattered, to: "image")
        } else {
            var (bytes, length) = Self.withoutHole(input)
            if self == .ova || self == .ovaPipe { Self.mendTarChecksums(&bytes) }
            directory.write(bytes, to: "image", length: length)
            if let line = extentLine(bytes) {
                directory.write(Self.descriptor(line), to: "snapshot.vmdk")
                source.path = directory.file("snapshot.vmdk")
            }
        }
        source.ignoresLocks = true
        if [.ova, .ovaPipe, .ovf, .vmx].contains(self) { source.disk = 1 }
        if self == .vmdkPipe || self == .ovaPipe {
            try StreamExercise(source, format: format).run()
        } else {
            try ImageExercise(source).run()
        }
    }

    private var format: ImageFormat? {
        switch self {
        case .vmdkDescriptor, .vmdkSparse, .vmdkStream, .vmdkPipe, .cowd, .seSparse: .vmdk
        case .qcow2: .qcow2
        case .vhd: .vpc
        case .vdi, .vhdx, .ova, .ovf, .vmx: ImageFormat(rawValue: rawValue)
        case .ovaPipe, .probe: nil
        }
    }

    /// The line by which a descriptor refers to an extent that can't be opened alone. It repeats the size in the header.
    private func extentLine(_ bytes: [UInt8]) -> String? {
        func field(_ range: Range<Int>) -> UInt64 {
            bytes.count < range.upperBound ? 1 : bytes[range].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        switch self {
        case .cowd: return "RW \(field(12..<16)) VMFSSPARSE \"image\""
        case .seSparse: return "RW \(field(16..<24)) SESPARSE \"image\""
        default: return nil
        }
    }

    private static func descriptor(_ extent: String) -> [UInt8] {
        Array("CID=1\nparentCID=12345678\ncreateType=\"custom\"\nparentFileNameHint=\"base.vmdk\"\n\(extent)\n".utf8)
    }

    /// No mutation would get past a checksum: every header of a tar archive gets the right one.
    private static func mendTarChecksums(_ bytes: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count - 511, by: 512)
        where bytes[(start + 257)...].starts(with: "ustar".utf8) {
            let field = start + 148..<start + 156
            bytes.replaceSubrange(field, with: [UInt8](repeating: 0x20, count: 8))
            let digits = String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
            bytes.replaceSubrange(field.lowerBound..<field.lowerBound + digits.utf8.count, with: digits.utf8)
        }
    }

    /// Large images are sparse files here: an input that ends in `+HOLE` and a number n is followed by a hole up to a
    /// length of 2^n bytes.
    private static func withoutHole(_ input: some Collection<UInt8>) -> (bytes: [UInt8], length: Int?) {
        let mark = Array("+HOLE".utf8)
        let bytes = Array(input)
        guard let exponent = bytes.last, bytes.dropLast().suffix(mark.count).elementsEqual(mark) else {
            return (bytes, nil)
        }
        let content = Array(bytes.dropLast(mark.count + 1))
        return (content, max(content.count, 1 << Int(exponent % 44)))
    }
}
