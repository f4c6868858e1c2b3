import Glibc

/// Names of extent files: what a user names who meant the descriptor.
package enum BareExtent {
    /// The path of the descriptor to which the extent file at `path` belongs by its name, nil if it has no such name:
    /// `web01.vmdk` for `web01-flat.vmdk`, `web01-s003.vmdk`, `web01-f001.vmdk`, `web01-delta.vmdk`, ….
    package static func descriptorPath(of path: String) -> String? {
        guard
            let match = try? #/(.+)-(flat|delta|sesparse|rdm|rdmp|pt|[sf][0-9]{3})\.vmdk/#.ignoresCase()
                .wholeMatch(in: path)
        else { return nil }
        return match.1 + ".vmdk"
    }

    /// What to do with an extent that was named without its descriptor.
    package static func advice(for path: String) -> String {
        guard let descriptor = descriptorPath(of: path) else {
            return "name the .vmdk file that lists the extents (a small text file)"
        }
        let isThere = unsafe access(descriptor, F_OK) == 0
        return isThere
            ? "name its descriptor: \(descriptor)" : "put its descriptor beside it and name that: \(descriptor)"
    }
}
