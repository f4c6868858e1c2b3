import ByteLayout
import DiskImage

extension QCOW2Header {
    /// Reads and validates the header of `file`.
    init(file: ImageFile) throws(ImageError) {
        let bytes = try file.read(at: 0, count: Self.version2Length, what: "qcow2 header")
        guard bytes.starts(with: QCOW2.magic) else {
            throw ImageError(.inputFormat, "this is no qcow2 image: the magic number is missing", path: file.path)
        }
        version = bytes.bigEndian(UInt32.self, at: 4)
        guard version == 2 || version == 3 else {
            throw file.unsupported("qcow2 version \(version) is not known (2 and 3 are)", at: 4)
        }
        backingFileOffset = bytes.bigEndian(UInt64.self, at: 8)
        backingFileSize = bytes.bigEndian(UInt32.self, at: 16)
        clusterBits = Int(bytes.bigEndian(UInt32.self, at: 20))
        size = bytes.bigEndian(UInt64.self, at: 24)
        cryptMethod = bytes.bigEndian(UInt32.self, at: 32)
        l1Size = bytes.bigEndian(UInt32.self, at: 36)
        l1TableOffset = bytes.bigEndian(UInt64.self, at: 40)
        refcountTableOffset = bytes.bigEndian(UInt64.self, at: 48)
        refcountTableClusters = bytes.bigEndian(UInt32.self, at: 56)
        snapshotCount = bytes.bigEndian(UInt32.self, at: 60)
        snapshotsOffset = bytes.bigEndian(UInt64.self, at: 64)
        incompatible = []
        compatible = 0
        autoclear = 0
        refcountOrder = 4
        headerLength = UInt32(Self.version2Length)
        compression = .zlib
        if version == 3 { try readVersion3(file: file) }
        try validate(file: file)
    }

    private mutating func readVersion3(file: ImageFile) throws(ImageError) {
        let bytes = try file.read(at: 0, count: Self.version3Length, what: "qcow2 header")
        incompatible = IncompatibleFeatures(rawValue: bytes.bigEndian(UInt64.self, at: 72))
        compatible = bytes.bigEndian(UInt64.self, at: 80)
        autoclear = bytes.bigEndian(UInt64.self, at: 88)
        refcountOrder = bytes.bigEndian(UInt32.self, at: 96)
        headerLength = bytes.bigEndian(UInt32.self, at: 100)
        guard headerLength >= Self.version3Length, headerLength % 8 == 0, UInt64(headerLength) <= 65536 else {
            throw file.damaged("a qcow2 header of \(headerLength) bytes is impossible", at: 100)
        }
        guard headerLength > Self.version3Length else { return }
        let type = try file.read(at: 104, count: 1, what: "qcow2 header")[0]
        guard let compression = QCOW2Compression(rawValue: type) else {
            throw file.unsupported("qcow2 compression type \(type) is not known (0 zlib and 1 zstd are)", at: 104)
        }
        self.compression = compression
    }

    private func validate(file: ImageFile) throws(ImageError) {
        guard QCOW2.clusterBits.contains(clusterBits) else {
            throw file.damaged("qcow2 clusters of 2^\(clusterBits) bytes: 2^9 to 2^21 are possible", at: 20)
        }
        guard incompatible.contains(.compressionType) == (compression != .zlib) else {
            throw file.damaged(
                "the qcow2 compression type and the incompatible feature bits contradict each other", at: 104)
        }
        guard !incompatible.contains(.extendedL2) || clusterBits >= 14 else {
            throw file.damaged("extended L2 entries need clusters of at least 16 KiB", at: 20)
        }
        guard refcountOrder <= 6 else {
            throw file.damaged("qcow2 refcounts of 2^\(refcountOrder) bits: at most 64 bits are possible", at: 96)
        }
        guard cryptMethod <= 2 else {
            throw file.unsupported("qcow2 encryption method \(cryptMethod) is not known", at: 32)
        }
        try validateL1(file: file, field: 36)
        let refcountLength = UInt64(refcountTableClusters) * clusterSize
        guard refcountLength <= QCOW2.maximumRefcountTableLength else {
            throw file.damaged(
                "a refcount table of \(refcountTableClusters) clusters is larger than QEMU's limit", at: 56)
        }
        try validateTable(refcountTableOffset, length: refcountLength, what: "refcount table", file: file, field: 48)
        let nameSpace = min(clusterSize, file.size)
        guard
            backingFileOffset == 0
                || (backingFileSize <= 1023 && backingFileOffset <= nameSpace
                    && UInt64(backingFileSize) <= nameSpace - backingFileOffset)
        else {
            throw file.damaged("the backing file's name is not inside the first cluster", at: 8)
        }
    }

    /// Checks the size of the disk and the L1 table, which the image tells at byte `field`.
    private func validateL1(file: ImageFile, field: UInt64) throws(ImageError) {
        guard size <= UInt64(Int64.max) else { throw file.damaged("a disk of \(size) bytes is impossible", at: field) }
        guard UInt64(l1Size) * 8 <= QCOW2.maximumL1Length else {
            throw file.damaged("an L1 table of \(l1Size) entries is larger than QEMU's limit of 32 MiB", at: field)
        }
        guard UInt64(l1Size) >= size.dividedUp(by: l2Coverage) else {
            throw file.damaged("the L1 table has \(l1Size) entries, too few for a disk of \(size) bytes", at: field)
        }
        try validateTable(l1TableOffset, length: UInt64(l1Size) * 8, what: "L1 table", file: file, field: field)
    }

    /// The header as it would be if `snapshot` were the current state: what was true of the disk then.
    func restoring(_ snapshot: QCOW2Snapshot, file: ImageFile) throws(ImageError) -> QCOW2Header {
        var header = self
        header.size = snapshot.info.virtualSize
        header.l1Size = snapshot.l1Size
        header.l1TableOffset = snapshot.l1TableOffset
        try header.validateL1(file: file, field: snapshot.position)
        return header
    }

    private func validateTable(
        _ offset: UInt64, length: UInt64, what: String, file: ImageFile, field: UInt64
    ) throws(ImageError) {
        guard length > 0 else { return }
        guard offset % clusterSize == 0 else {
            throw file.damaged("the \(what) is not aligned to a cluster: byte \(offset)", at: field)
        }
        guard offset > 0, offset <= file.size, length <= file.size - offset else {
            throw file.damaged("the \(what) is not inside the file: \(length) bytes at byte \(offset)", at: field)
        }
    }
}
