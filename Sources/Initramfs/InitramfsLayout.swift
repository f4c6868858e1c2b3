/// The tree that an initramfs unpacks to: which paths there are, and where symbolic links lead. Paths are relative to
/// its root, without `./`.
package struct InitramfsLayout: Sendable {
    private enum Node: Equatable {
        case directory
        case file
        case link(String)
    }

    private var nodes: [String: Node] = [:]

    /// As many symbolic links as Linux follows in one path.
    private static let maximumLinks = 40

    /// Unpacks another entry; one of the same name is replaced.
    mutating func add(_ entry: CPIOEntry) {
        let path = entry.path
        guard !path.isEmpty else { return }
        nodes[path] =
            switch entry.kind {
            case .directory: .directory
            case .symbolicLink: .link(entry.linkTarget ?? "")
            case .regular, .other: .file
            }
    }

    package func isDirectory(_ path: String) -> Bool {
        nodes[path] == .directory
    }

    /// Whether there is anything at `path`, whose links are not followed.
    package func contains(_ path: String) -> Bool {
        nodes[path] != nil
    }

    /// The paths of everything below `directory` but directories, relative to it.
    func files(below directory: String) -> [String] {
        nodes.compactMap { path, node in
            guard node != .directory, path.hasPrefix(directory + "/") else { return nil }
            return String(path.dropFirst(directory.count + 1))
        }
        .sorted()
    }

    /// `path` without symbolic links, also for what isn't there; nil if links lead in circles.
    package func resolve(_ path: String) -> String? {
        var rest = Array(Self.components(path).reversed())
        var resolved: [String] = []
        var links = 0
        while let name = rest.popLast() {
            if name == ".." {
                _ = resolved.popLast()
                continue
            }
            guard case .link(let target) = nodes[(resolved + [name]).joined(separator: "/")] else {
                resolved.append(name)
                continue
            }
            links += 1
            guard links <= Self.maximumLinks else { return nil }
            if target.hasPrefix("/") { resolved = [] }
            rest += Self.components(target).reversed()
        }
        return resolved.joined(separator: "/")
    }

    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").filter { $0 != "." }.map(String.init)
    }
}
