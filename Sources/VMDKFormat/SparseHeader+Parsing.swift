import ByteLayout
import DiskImage

extension SparseHeader {
    /// Reads and validates the header at `offset` of `file`.
    init(file: ImageFile, at offset: UInt64 = 0) throws(ImageError) {
        let bytes = try file.read(at: offset, count: Self.length, what: "VMDK sparse header")
        guard bytes.starts(with: VMDK.sparseMagic) else {
            throw file.damaged("there is no VMDK sparse header (magic KDMV)", at: offset)
        }
        self.init(unchecked: bytes)
        try validate(bytes: bytes, file: file, at: offset)
    }

    private init(unchecked bytes: [UInt8]) {
        version = bytes.littleEndian(UInt32.self, at: 4)
        flags = Flags(rawValue: bytes.littleEndian(UInt32.self, at: 8))
        capacity = bytes.littleEndian(UInt64.self, at: 12)
        grainSize = bytes.littleEndian(UInt64.self, at: 20)
        descriptorOffset = bytes.littleEndian(UInt64.self, at: 28)
        descriptorSize = bytes.littleEndian(UInt64.self, at: 36)
        grainTableEntries = UInt64(bytes.littleEndian(UInt32.self, at: 44))
        redundantDirectoryOffset = bytes.littleEndian(UInt64.self, at: 48)
        directoryOffset = bytes.littleEndian(UInt64.self, at: 56)
        isUnclean = bytes[72] != 0
        isCompressed = bytes.littleEndian(UInt16.self, at: 77) == 1
    }

    private func validate(bytes: [UInt8], file: ImageFile, at base: UInt64) throws(ImageError) {
        guard (1...3).contains(version) else {
            throw file.unsupported("VMDK sparse version \(version) is not known (1 to 3 are)", at: base + 4)
        }
        let known: Flags = [.compressed, .markers]
        let incompatible = flags.rawValue & 0xFFFF_0000 & ~known.rawValue
        guard incompatible == 0 else {
            throw file.unsupported(
                "the VMDK header has unknown incompatible flags 0x\(String(incompatible, radix: 16))", at: base + 8)
        }
        // The bytes \n, space, \r, \n are there to notice a transfer in text mode, which changes them.
        guard !flags.contains(.newlineTest) || bytes[73..<77].elementsEqual([0x0A, 0x20, 0x0D, 0x0A]) else {
            throw file.damaged(
                "the VMDK header's line-end test fails: the file went through a text-mode transfer", at: base + 73,
                advice: "copy it again in binary mode")
        }
        let algorithm = bytes.littleEndian(UInt16.self, at: 77)
        guard algorithm <= 1 else {
            throw file.unsupported("VMDK compression algorithm \(algorithm) is not known", at: base + 77)
        }
        guard isCompressed == flags.contains(.compressed) else {
            throw file.damaged("the VMDK header's compression algorithm and flags contradict each other", at: base + 77)
        }
        guard !flags.contains(.markers) || isCompressed else {
            throw file.damaged("the VMDK header has markers without compression", at: base + 8)
        }
        guard grainSize.isPowerOfTwo, grainSize <= VMDK.maximumGrain else {
            throw file.damaged(
                "the VMDK grain size of \(grainSize) sectors is not a power of two up to 2 Mi", at: base + 20)
        }
        guard !isCompressed || grainSize <= VMDK.maximumCompressedGrain else {
            throw file.unsupported("compressed grains of \(grainSize) sectors are larger than 2 MiB", at: base + 20)
        }
        guard grainTableEntries.isPowerOfTwo, grainTableEntries <= 65536 else {
            throw file.damaged(
                "\(grainTableEntries) entries in a VMDK grain table are not a power of two up to 65536", at: base + 44)
        }
        guard capacity <= UInt64.max >> 10, directoryEntries <= VMDK.maximumDirectoryEntries else {
            throw file.damaged("the VMDK capacity of \(capacity) sectors is impossibly large", at: base + 12)
        }
        let descriptorEnd = descriptorOffset.addingReportingOverflow(descriptorSize)
        guard
            descriptorOffset == 0
                || (!descriptorEnd.overflow && descriptorEnd.partialValue <= file.size / VMDK.sectorSize
                    && descriptorSize <= UInt64(VMDK.maximumDescriptorLength) / VMDK.sectorSize)
        else {
            throw file.damaged("the embedded VMDK descriptor is not inside the file", at: base + 28)
        }
    }
}
