import ByteLayout
package import DiskImage
import Encryption

/// A qcow2 image.
package struct QCOW2Reader: ImageReader {
    package static let format = ImageFormat.qcow2

    let file: ImageFile
    private let opener: ImageOpener
    let header: QCOW2Header
    let extensions: HeaderExtensions
    let backingFile: String?
    let bitmaps: [QCOW2Bitmap]
    /// The internal snapshots, in the order of their table.
    package let snapshots: [QCOW2Snapshot]

    package static func recognises(_ probe: ProbeData) -> Bool { probe.has(QCOW2.magic) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        self.file = file
        self.opener = opener
        header = try QCOW2Header(file: file)
        extensions = try HeaderExtensions(file: file, header: header)
        if header.backingFileOffset != 0, header.backingFileSize > 0 {
            let name = try file.read(
                at: header.backingFileOffset, count: Int(header.backingFileSize), what: "backing file name")
            backingFile = String(decoding: name, as: UTF8.self)
        } else {
            backingFile = nil
        }
        let header = header
        snapshots = try Self.list(opener) { () throws(ImageError) in
            try QCOW2Snapshot.readTable(file: file, header: header)
        }
        // Without the feature bit a QEMU that knows no bitmaps has written to the disk since they were stored.
        let directory = header.autoclear & QCOW2Header.bitmaps != 0 ? extensions.bitmapDirectory : nil
        bitmaps = try Self.list(opener) { () throws(ImageError) in
            try directory?.read(file: file, header: header) ?? []
        }
    }

    /// A list that the disk does not need: if it is damaged it is empty when salvaging.
    private static func list<Item>(
        _ opener: ImageOpener, _ read: () throws(ImageError) -> [Item]
    ) throws(ImageError) -> [Item] {
        do throws(ImageError) {
            return try read()
        } catch {
            guard opener.salvages else { throw error }
            opener.findings.warn("\(error)")
            return []
        }
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        try makeMap(header)
    }

    package func makeMap(of snapshot: SnapshotSelector) throws(ImageError) -> sending any DiskMap {
        guard let index = snapshot.index(in: snapshots.map(\.info)) else {
            let known = snapshots.map { "\($0.info.id) (\($0.info.name))" }.joined(separator: ", ")
            throw ImageError(
                .invalidOption, "the image has no snapshot \(snapshot)",
                advice: known.isEmpty ? "it has none at all" : "it has \(known)", path: file.path)
        }
        return try makeMap(try header.restoring(snapshots[index], file: file))
    }

    /// The map of the state that `header` describes: the current one, or a snapshot's.
    private func makeMap(_ header: QCOW2Header) throws(ImageError) -> sending any DiskMap {
        try requireKnownFeatures()
        guard opener.salvages || !header.incompatible.contains(.corrupt) else {
            throw file.damaged(
                "the image is marked corrupt", at: 72,
                advice: "repair it: v2v-convert check -r all; --salvage reads what can be read")
        }
        let dataFile = try openDataFile()
        let map = try QCOW2Map(
            file: file, dataFile: dataFile, header: header, cipher: try unlock(), tolerant: opener.salvages)
        return LayeredMap(map, over: try openBackingMap())
    }

    /// What decrypts the clusters; nil if they are not encrypted.
    private func unlock() throws(ImageError) -> (any SectorCipher)? {
        guard header.cryptMethod != 0 else { return nil }
        guard header.cryptMethod == QCOW2Header.luks else {
            throw file.unsupported(
                "the image has QEMU's old AES encryption, which is not supported", at: 32,
                advice: "decrypt it: qemu-img convert --object secret,id=key,file=PASSPHRASE --image-opts "
                    + "driver=qcow2,encrypt.key-secret=key,file.filename=IN -O qcow2 OUT")
        }
        guard let range = extensions.encryptionHeader else {
            throw file.damaged("the image is encrypted, but does not tell where its LUKS header is", at: 32)
        }
        guard let passphrase = opener.passphrase else {
            throw file.unsupported(
                "the image is encrypted (luks)", at: 32,
                advice: "put the passphrase into a file and name it with --passphrase-file")
        }
        return try LUKSHeader(in: file, at: range).unlock(passphrase: passphrase)
    }

    /// Throws if the image has something that is not known here.
    func requireKnownFeatures() throws(ImageError) {
        let unknown = header.incompatible.subtracting(.known).rawValue
        guard unknown == 0 else {
            let names = (0..<64).filter { unknown >> UInt64($0) & 1 == 1 }
                .map { extensions.incompatibleFeatureName(bit: $0) }
            throw file.unsupported("the image needs unknown features: \(names.joined(separator: ", "))", at: 72)
        }
    }

    /// The external data file, which holds the clusters, if there is one. Its name is relative to the image.
    func openDataFile() throws(ImageError) -> ImageFile? {
        guard header.incompatible.contains(.externalDataFile) else { return nil }
        guard let name = extensions.dataFile else {
            throw file.damaged("the image has an external data file, but does not name it", at: 72)
        }
        return try opener.open(named: name, by: file)
    }

    package func openParent() throws(ImageError) -> (any ImageReader)? {
        guard let backingFile else { return nil }
        let (backing, backingOpener) = try opener.openParent(named: backingFile, by: file)
        return try opener.openImage(backing, backingFormat, backingOpener)
    }

    private var backingFormat: ImageFormat? {
        extensions.backingFormat.map { name in
            // QEMU's drivers for files and devices themselves: what is in them is raw.
            ["file", "host_device"].contains(name) ? .raw : ImageFormat(rawValue: name)
        }
    }

    private func openBackingMap() throws(ImageError) -> (any DiskMap)? {
        guard !opener.omitsBacking, let reader = try openParent() else { return nil }
        // What a guest wrote to a raw disk could make it look like an image that names other files, so raw is taken for
        // raw only where the overlay says so.
        guard backingFormat != nil || opener.trustsRawBacking || type(of: reader).format != .raw else {
            let name = backingFile ?? ""
            throw file.unsupported(
                "the backing file \"\(name)\" looks raw, but the image does not say that it is", at: 8,
                advice:
                    "if it is, pass --trust-raw-backing, or say so in the image: qemu-img rebase -u -F raw -b '\(name)'"
            )
        }
        return try reader.makeMap()
    }
}
