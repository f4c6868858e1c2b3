import Digests
import DiskImage

/// The file of a disk, or its chunks, in an archive that can only be read front to back. Makes digests of what passes by,
/// and reads the manifest wherever it comes.
final class ArchivedDisk: ByteStream {
    let path: String
    private(set) var position: UInt64 = 0
    /// Known if the disk is one member.
    private(set) var length: UInt64?
    private let bytes: BufferedStream
    private var archive: TarReader
    private let file: DiskFile
    /// The member that is being read, and its digests in the making.
    private var member: (name: String, content: DigestingStream)?
    /// A member that was found where another chunk might have come.
    private var following: TarReader.Member?
    private var chunks = 1
    private let manifestName: String
    private(set) var manifest: Manifest?
    private var manifestProblem: ImageError?
    /// The digests of what has passed by, of every algorithm the manifest may use.
    private var digests: [String: [ExpectedDigest]] = [:]

    /// Which members make up the disk.
    struct DiskFile {
        /// As the OVF spells it, and with its escapes resolved.
        var names: [String]
        /// Bytes of each chunk but the last, if the file is cut into chunks.
        var chunkSize: UInt64?
        /// Bytes of the file, all chunks together, if the OVF says it.
        var size: UInt64?
        /// The directory of the OVF, with a slash behind it, or nothing.
        var directory: String

        func isPart(_ number: Int, _ member: String) -> Bool {
            let digits = String(number)
            let suffix = "." + String(repeating: "0", count: max(0, 9 - digits.count)) + digits
            return names.contains { (directory + $0 + (chunkSize != nil ? suffix : "")).normalizedMemberName == member }
        }
    }

    /// - Parameters:
    ///   - archive: behind the OVF.
    ///   - description: the OVF, whose digest is checked too.
    ///   - name: of the OVF.
    /// - Throws: `inputUnreadable` if the disk is not in the rest of the archive.
    init(
        _ file: DiskFile, in archive: TarReader, _ bytes: BufferedStream, description: ImageFile, name: String
    ) throws(ImageError) {
        self.file = file
        self.archive = archive
        self.bytes = bytes
        path = bytes.path + "/" + (file.names.first ?? "")
        manifestName = name.dropLast(".ovf".count) + ".mf"
        let content = DigestingStream(FileStream(description), algorithms: ExpectedDigest.Algorithm.allCases)
        while try content.skip(1 << 20) > 0 {}
        digests[name] = content.finishDigests()

        var found: TarReader.Member?
        while found == nil, let next = try self.archive.nextFile() {
            if try readIfManifest(next) { continue }
            if file.isPart(0, next.name) { found = next }
        }
        guard let found else {
            throw ImageError(
                .inputUnreadable, "the archive does not hold the disk \"\(file.names.first ?? "")\"", path: bytes.path)
        }
        length = file.chunkSize != nil ? nil : found.size
        begin(found)
    }

    private func begin(_ next: TarReader.Member) {
        let name = bytes.path + "/" + next.name
        let algorithms =
            manifest.map { $0.digests[next.name.lastMemberComponent].map { [$0.algorithm] } ?? [] }
            ?? ExpectedDigest.Algorithm.allCases
        let content = DigestingStream(PartStream(bytes, length: next.size, path: name), algorithms: algorithms)
        member = (next.name, content)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        var filled = 0
        while filled < buffer.count, let (_, content) = member {
            // Safe: the rest of the buffer.
            filled += unsafe try content.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if filled < buffer.count { try endMember() }
        }
        position += UInt64(filled)
        return filled
    }

    /// Keeps the digest of the member that has been read, and begins the next chunk if there is one.
    private func endMember() throws(ImageError) {
        guard let (name, content) = member else { return }
        digests[name] = content.finishDigests()
        member = nil
        guard let chunkSize = file.chunkSize, let next = try archive.nextFile() else { return }
        guard file.isPart(chunks, next.name) else {
            following = next
            return
        }
        guard content.length == chunkSize else { throw bytes.truncated("\"\(content.path)\"") }
        chunks += 1
        begin(next)
    }

    /// Reads the manifest, if `next` is that.
    private func readIfManifest(_ next: TarReader.Member) throws(ImageError) -> Bool {
        guard next.name == manifestName, manifest == nil, manifestProblem == nil else { return false }
        let path = bytes.path + "/" + next.name
        do throws(ImageError) {
            guard next.size <= Manifest.maximumLength else {
                throw bytes.damaged("a manifest of \(next.size) bytes is impossibly large")
            }
            let content = try PartStream(bytes, length: next.size, path: path).take(Int(next.size))
            manifest = try Manifest(file: try ImageFile(bytes: content, path: path))
        } catch {
            manifestProblem = error
        }
        return true
    }

    /// Reads everything that is left, and holds the digests against the manifest.
    /// - Returns: what does not fit.
    func finish() throws(ImageError) -> [ImageError] {
        while member != nil { while try skip(1 << 30) > 0 {} }
        guard file.chunkSize == nil || position >= file.size ?? 0 else { throw bytes.truncated("the disk") }
        if let following { _ = try readIfManifest(following) }
        while let next = try archive.nextFile() {
            guard !file.isPart(0, next.name) else {
                throw bytes.damaged("the archive holds two files called \"\(next.name)\"", at: next.offset)
            }
            _ = try readIfManifest(next)
        }
        // What follows the end is of no interest, but whoever sends it wants to get rid of it.
        while try bytes.skip(1 << 30) > 0 {}
        if let manifestProblem { return [manifestProblem] }
        guard let manifest else { return [] }
        return digests.sorted { $0.key < $1.key }.compactMap { name, found in
            guard let expected = manifest.digests[name.lastMemberComponent], !found.contains(expected) else {
                return nil
            }
            return expected.mismatch(path: bytes.path + "/" + name)
        }
    }

    /// Names of members that the manifest does not list, though it should.
    var unlisted: [String] {
        guard let manifest else { return [] }
        return digests.keys.filter { manifest.digests[$0.lastMemberComponent] == nil }.sorted()
    }
}

extension String {
    /// The name of a file without its directory.
    var lastMemberComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
