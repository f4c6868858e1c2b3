import Glibc
import SystemPackage

/// Opens the other files an image names: extents now, parents later.
///
/// A descriptor comes with the image, perhaps from a stranger. Unless `allowsOutsideFiles`, the files it names must lie
/// in the directory of the image or below it, links resolved: otherwise converting an uploaded image could copy
/// `/etc/shadow` into the result (CVE-2022-47951 and its family).
package struct ImageOpener: Sendable {
    package var allowsOutsideFiles: Bool
    /// Take QEMU's locks on every file.
    package var locks: Bool
    /// Files for the parents that images don't name, or that are not where they say, youngest first.
    package var givenParents: [String] = []
    /// Take a parent that has changed since its child was made.
    package var ignoresParentChanges = false
    /// Take a backing file for raw that looks like it and whose format its overlay doesn't name.
    package var trustsRawBacking = false
    /// Opens the key slots of encrypted images, if they are.
    package var passphrase: [UInt8]?
    /// Which of its two sizes a VHD has.
    package var vhdSize = VHDSize.current
    /// Opens a file in whatever format it is; for formats whose backing file may be in another.
    package var openImage: @Sendable (ImageFile, ImageFormat?, ImageOpener) throws(ImageError) -> any ImageReader
    /// Go on where files are missing, cut short or damaged: maps throw only when asked for what can't be told.
    package var salvages = false
    /// Do without a manifest that can't be understood.
    package var ignoresManifest = false
    /// Which disk of a virtual machine is wanted, counted from 1; nil if it may have only one.
    package var disk: Int?
    /// True for what a virtual machine's description names: a disk, not another description.
    package var isInsideAppliance = false
    /// Take what an image leaves to its backing file for absent, without looking for one: for its own tables alone.
    package var omitsBacking = false
    /// Finds what an image inside an archive calls by a name, another member, or an output whose files don't have their names
    /// yet. Nil for an image that is a file.
    package var findMember: (@Sendable (String) -> ImageFile?)?
    /// Opens what comes out of a stream, in whatever format it is.
    package var openStream: @Sendable (any ByteStream, ImageFormat?, ImageOpener) throws(ImageError) -> any DiskStream
    /// Every file that was opened, by this opener and those made from it.
    package private(set) var opened = OpenedFiles()
    /// What was found wrong, by readers and maps made with this opener.
    package let findings = Findings()
    /// The files through which the chain of parents has come, youngest first.
    private var descendants: [FileIdentity] = []

    /// QEMU has no limit; VMware allows 32 snapshots.
    static let maximumDepth = 256

    package init(
        allowsOutsideFiles: Bool = false, locks: Bool = true,
        openImage: @escaping @Sendable (ImageFile, ImageFormat?, ImageOpener) throws(ImageError) -> any ImageReader,
        openStream:
            @escaping @Sendable (any ByteStream, ImageFormat?, ImageOpener) throws(ImageError)
            -> any DiskStream
    ) {
        self.allowsOutsideFiles = allowsOutsideFiles
        self.locks = locks
        self.openImage = openImage
        self.openStream = openStream
    }

    /// An opener like this one that records what it opens elsewhere: for a look at files that will not be read.
    package var unrecorded: ImageOpener {
        var copy = self
        copy.opened = OpenedFiles()
        return copy
    }

    /// Counts `file`, which was found without opening anything, among the files of the image.
    package func record(_ file: ImageFile) {
        opened.append(file)
    }

    /// Demands that the files of the image have these digests; a conversion checks them.
    package func expect(_ digests: [FileIdentity: ExpectedDigest]) {
        opened.expect(digests)
    }

    /// Opens the image itself.
    package func open(_ path: String) throws(ImageError) -> ImageFile {
        try open(FilePath(path), called: path)
    }

    private func open(_ location: FilePath, called path: String) throws(ImageError) -> ImageFile {
        let file = try ImageFile(path: path, location: location, lock: locks)
        opened.append(file)
        return file
    }

    /// Opens the file that `image` calls `name`: relative names start in the directory of `image`, both kinds of slash
    /// separate, and a path that does not exist here (one of an ESXi or Windows host) is looked for by its last component
    /// beside the image. What is inside an archive can only name other members of it.
    /// - Parameter bytes: the name as the image has it, where `name` is what its encoding makes of it: files often keep
    ///   the bytes of a name on their way from a system with another encoding.
    package func open(
        named name: String, bytes: [UInt8]? = nil, by image: ImageFile
    ) throws(ImageError) -> ImageFile {
        if let findMember {
            guard let file = findMember(name) else {
                throw ImageError(
                    .inputUnreadable, "the image needs the file \"\(name)\", which is not in the archive",
                    path: image.path)
            }
            opened.append(file)
            return file
        }
        let path = try find(name, bytes: bytes, by: image)
        let file = try open(path, called: path.string)
        if file.isBlockDevice, !allowsOutsideFiles {
            throw ImageError(
                .inputUnsupported, "the image names a device: \"\(name)\"",
                advice: "if you trust the image, pass --allow-outside-files", path: image.path)
        }
        return file
    }

    /// Opens the parent or backing file that `image` calls `name`.
    package func openParent(
        named name: String, bytes: [UInt8]? = nil, by image: ImageFile
    ) throws(ImageError) -> (ImageFile, ImageOpener) {
        try openParent(named: [name], bytes: bytes, by: image)
    }

    /// Opens the parent or backing file that `image` calls by several names: the first that leads to a file, or where
    /// none does, the next of the ``givenParents``.
    /// - Returns: the file, and the opener for what it names in its turn.
    /// - Throws: `inputDamaged` if the chain comes back to a file it has been through, or is longer than
    ///   ``maximumDepth``.
    package func openParent(
        named names: [String], bytes: [UInt8]? = nil, by image: ImageFile
    ) throws(ImageError) -> (ImageFile, ImageOpener) {
        var next = self
        let file: ImageFile
        if let name = names.first(where: { leadsToFile($0, bytes: bytes, by: image) }) {
            file = try open(named: name, bytes: bytes, by: image)
        } else if !givenParents.isEmpty {
            file = try open(next.givenParents.removeFirst())
        } else {
            throw missingParent(names, of: image)
        }
        next.descendants.append(image.identity)
        guard !next.descendants.contains(file.identity) else {
            throw image.damaged("the chain of parents is a loop: \"\(file.path)\" leads back into it")
        }
        guard next.descendants.count < Self.maximumDepth else {
            throw image.damaged("the chain of parents has more than \(Self.maximumDepth) layers")
        }
        return (file, next)
    }

    private func missingParent(_ names: [String], of image: ImageFile) -> ImageError {
        guard let name = names.first else {
            return image.damaged(
                "the image is a snapshot, but does not name its parent", advice: "name it with --parent")
        }
        guard !Self.isNoFile(name) else {
            return image.unsupported(
                "the image names a parent that is no file: \"\(name)\"",
                advice: "fetch it, and name it with --parent")
        }
        return ImageError(
            .inputUnreadable, "the image needs its parent \"\(name)\", which is not there",
            advice: "put it beside the image, or name it with --parent", path: image.path,
            errno: .noSuchFileOrDirectory)
    }

    /// Whether `name` is one of those by which QEMU knows more than files.
    private static func isNoFile(_ name: String) -> Bool { name.hasPrefix("json:") || name.contains("://") }

    /// Whether there is a file that `image` may mean by `name`, be it one it must not name.
    private func leadsToFile(_ name: String, bytes: [UInt8]?, by image: ImageFile) -> Bool {
        guard !Self.isNoFile(name) else { return false }
        if let findMember { return findMember(name) != nil }
        return location(of: name, bytes: bytes, for: image) != nil
    }

    /// The path of the file that `image` means by `name`.
    /// - Throws: `inputUnsupported` if it is outside the image's directory and that is not allowed. Another file of that
    ///   name inside is not taken instead: it may have other content.
    private func find(_ name: String, bytes: [UInt8]?, by image: ImageFile) throws(ImageError) -> FilePath {
        guard let path = location(of: name, bytes: bytes, for: image) else {
            throw ImageError(
                .inputUnreadable, "the image needs the file \"\(name)\", which is not there",
                advice: "put it beside the image", path: image.path, errno: .noSuchFileOrDirectory)
        }
        guard allowsOutsideFiles || Self.isInside(path, FilePath(image.path).removingLastComponent()) else {
            throw ImageError(
                .inputUnsupported, "the image names a file outside its own directory: \"\(name)\"",
                advice: "if you trust the image, pass --allow-outside-files", path: image.path)
        }
        return path
    }

    /// Where the file is that `image` means by `name`, be it one it must not name; nil if there is none. The name is
    /// tried decoded, then as the image has it.
    private func location(of name: String, bytes: [UInt8]?, for image: ImageFile) -> FilePath? {
        let directory = FilePath(image.path).removingLastComponent()
        let names = [FilePath(name)] + (bytes.map { [FilePath(bytes: $0)] } ?? [])
        let slashed = names.map(\.replacingBackslashes)
        if let named = (names + slashed).map(directory.pushing).first(where: \.exists) { return named }
        // No image means itself by the path of a file that is not here.
        return slashed.flatMap { Self.substitutes(for: $0, directory: directory) }
            .first { $0.exists && FileIdentity(path: $0.string) != image.identity }
    }

    /// Where to look for a file whose path leads nowhere: by its last component beside the image, and in a sibling of the
    /// image's directory that has the name of the file's.
    private static func substitutes(for path: FilePath, directory: FilePath) -> [FilePath] {
        guard let base = path.lastComponent else { return [] }
        let parent = path.removingLastComponent().lastComponent
        return [directory.appending(base)]
            + (parent.map { [directory.appending("..").appending($0).appending(base)] } ?? [])
    }

    private static func isInside(_ path: FilePath, _ directory: FilePath) -> Bool {
        let base = directory.isEmpty ? FilePath(".") : directory
        guard let resolved = path.resolved, let root = base.resolved else { return false }
        return resolved.starts(with: root)
    }
}
