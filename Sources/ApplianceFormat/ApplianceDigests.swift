import DiskImage

/// What a manifest demands of the files of one virtual machine.
struct ApplianceDigests {
    private let description: ImageFile
    private let manifest: ImageFile
    private let digests: [FileIdentity: ExpectedDigest]
    /// Why the manifest is of no use, if it is not.
    private let problem: ImageError?

    /// - Parameters:
    ///   - manifest: the file that lists the digests.
    ///   - description: the OVF that it belongs to.
    ///   - find: the file that the manifest calls by a name.
    init(manifest: ImageFile, description: ImageFile, find: (String) -> FileIdentity?) {
        self.manifest = manifest
        self.description = description
        do throws(ImageError) {
            let pairs = try Manifest(file: manifest).digests.compactMap { name, digest in
                find(name).map { ($0, digest) }
            }
            // Two names of one file: either digest will do.
            digests = Dictionary(pairs) { first, _ in first }
            problem = nil
        } catch {
            digests = [:]
            problem = error
        }
    }

    /// Has a conversion check the files that `opener` opens, and the description.
    /// - Throws: `inputDamaged` if the manifest makes no sense, unless that is to be ignored.
    func demand(of opener: ImageOpener) throws(ImageError) {
        if let problem, !opener.ignoresManifest { throw problem }
        opener.record(description)
        opener.expect(digests)
    }

    /// What a user should know who relies on the manifest for `image`.
    func warning(about image: ImageFile) -> String? {
        if let problem { return "\(problem)" }
        let missing = [description, image].filter { digests[$0.identity] == nil }.map(\.path)
        return missing.isEmpty ? nil : "\(manifest.path) has no digest of \(missing.joined(separator: " and "))"
    }
}
