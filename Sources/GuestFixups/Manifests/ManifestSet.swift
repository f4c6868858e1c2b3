/// The rules that a fixup goes by.
package struct ManifestSet: Sendable {
    /// In the order in which they are applied.
    package private(set) var manifests: [Manifest]

    /// `manifests`, of which later ones replace earlier ones of the same name.
    package init(_ manifests: [Manifest]) {
        var named: [String: Manifest] = [:]
        for manifest in manifests { named[manifest.name] = manifest }
        self.manifests = named.values.sorted { ($0.order, $0.name) < ($1.order, $1.name) }
    }

    /// The rules that come with the program.
    package static func builtIn() throws(ManifestError) -> [Manifest] {
        var manifests: [Manifest] = []
        for (file, bytes) in BuiltInManifests.files {
            manifests.append(try Manifest(String(decoding: bytes, as: UTF8.self), file: file))
        }
        return manifests
    }
}
