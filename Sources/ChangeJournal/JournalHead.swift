import ByteLayout
import DiskImage
import SystemPackage

/// The start of a journal: the images that it is about. See ``ChangeJournal``.
struct JournalHead {
    /// An image that changes.
    struct Image: Equatable {
        /// As it was when the journal was made, links resolved; relative to the directory of the journal.
        var path: String
        /// 0 for a device.
        var inode: UInt64
        /// Bytes of the file.
        var size: UInt64
    }

    var images: [Image]

    /// - Throws: `inputUnsupported` if it would become too long.
    func bytes(path: FilePath) throws(ImageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: ChangeJournal.fixedHeadLength)
        bytes.replaceSubrange(0..<8, with: ChangeJournal.magic)
        bytes.storeLittleEndian(ChangeJournal.version, at: 8)
        bytes.storeLittleEndian(UInt32(images.count), at: 20)
        for image in images {
            let name = Array(image.path.utf8)
            var fields = [UInt8](repeating: 0, count: 20)
            fields.storeLittleEndian(image.inode, at: 0)
            fields.storeLittleEndian(image.size, at: 8)
            fields.storeLittleEndian(UInt32(name.count), at: 16)
            bytes += fields + name
        }
        guard bytes.count <= ChangeJournal.maximumHeadLength else {
            throw ImageError(.inputUnsupported, "too many images are to be changed at once", path: path.string)
        }
        bytes.storeLittleEndian(UInt32(bytes.count), at: 12)
        bytes.storeLittleEndian(CRC32C.of(bytes), at: 16)
        return bytes
    }

    /// The head of `file`, and its length.
    /// - Returns: nil if it was not written to its end.
    /// - Throws: `inputUnsupported` if another version of the program has made it.
    static func read(_ file: ImageFile) throws(ImageError) -> (head: JournalHead, length: UInt64)? {
        var bytes = try file.readPrefix(ChangeJournal.maximumHeadLength)
        guard bytes.count >= ChangeJournal.fixedHeadLength, bytes.starts(with: ChangeJournal.magic) else { return nil }
        guard bytes.littleEndian(UInt32.self, at: 8) == ChangeJournal.version else {
            throw file.unsupported(
                "this journal is of a kind that is not known", advice: "use the version of the program that made it")
        }
        let length = Int(bytes.littleEndian(UInt32.self, at: 12))
        guard (ChangeJournal.fixedHeadLength...bytes.count).contains(length) else { return nil }
        bytes = Array(bytes[..<length])
        let checksum = bytes.littleEndian(UInt32.self, at: 16)
        bytes.storeLittleEndian(UInt32(0), at: 16)
        guard CRC32C.of(bytes) == checksum else { return nil }
        return (JournalHead(images: try images(bytes, in: file)), UInt64(length))
    }

    private static func images(_ bytes: [UInt8], in file: ImageFile) throws(ImageError) -> [Image] {
        var images: [Image] = []
        var position = ChangeJournal.fixedHeadLength
        for _ in 0..<bytes.littleEndian(UInt32.self, at: 20) {
            guard bytes.count - position >= 20 else {
                throw file.damaged("the head of the journal is impossible", at: UInt64(position))
            }
            let length = Int(bytes.littleEndian(UInt32.self, at: position + 16))
            let name = position + 20
            guard bytes.count - name >= length else {
                throw file.damaged("the head of the journal is impossible", at: UInt64(position))
            }
            images.append(
                Image(
                    path: String(decoding: bytes[name..<name + length], as: UTF8.self),
                    inode: bytes.littleEndian(UInt64.self, at: position),
                    size: bytes.littleEndian(UInt64.self, at: position + 8)))
            position = name + length
        }
        return images
    }
}
