import Yams

/// A value in a manifest that knows where it is.
struct ManifestNode {
    let node: Node
    let file: String
    let key: String

    /// The document in `text`.
    static func document(_ text: String, file: String) throws(ManifestError) -> ManifestNode {
        do {
            guard let node = try Yams.compose(yaml: text) else {
                throw ManifestError(file: file, line: nil, key: "", message: "the file is empty")
            }
            return ManifestNode(node: node, file: file, key: "")
        } catch let error as ManifestError {
            throw error
        } catch {
            throw ManifestError(
                file: file, line: (error as? YamlError).flatMap(line), key: "", message: "no YAML: \(error)")
        }
    }

    private static func line(of error: YamlError) -> Int? {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        default: nil
        }
    }

    func problem(_ message: String) -> ManifestError {
        ManifestError(file: file, line: node.mark?.line, key: key, message: message)
    }

    private func inside(_ node: Node, _ name: String) -> ManifestNode {
        ManifestNode(node: node, file: file, key: key.isEmpty ? name : "\(key).\(name)")
    }

    /// The values of a mapping by their keys, each of which is one of `allowed`.
    func mapping(_ allowed: Set<String>) throws(ManifestError) -> [String: ManifestNode] {
        guard let mapping = node.mapping else { throw problem("must be a mapping") }
        var values: [String: ManifestNode] = [:]
        for (key, value) in mapping {
            let name = try text(of: key)
            let inner = inside(value, name)
            guard allowed.contains(name) else {
                let known = allowed.sorted().joined(separator: ", ")
                throw ManifestError(
                    file: file, line: key.mark?.line, key: inner.key, message: "is not known here; known are \(known)")
            }
            guard values[name] == nil else { throw inner.problem("comes twice") }
            values[name] = inner
        }
        return values
    }

    /// The values of a mapping whose keys can be anything, in order.
    func entries() throws(ManifestError) -> [(key: String, value: ManifestNode)] {
        guard let mapping = node.mapping else { throw problem("must be a mapping") }
        var entries: [(key: String, value: ManifestNode)] = []
        for (key, value) in mapping {
            let name = try text(of: key)
            entries.append((name, inside(value, name)))
        }
        return entries
    }

    private func text(of key: Node) throws(ManifestError) -> String {
        guard let text = key.string else { throw problem("has a key that is no text") }
        return text
    }

    /// The values of a sequence; a single value counts as a sequence of one.
    func sequence() -> [ManifestNode] {
        guard let sequence = node.sequence else { return [self] }
        return sequence.enumerated().map { inside($0.element, "\($0.offset + 1)") }
    }

    func text() throws(ManifestError) -> String {
        guard let text = node.scalar?.string else { throw problem("must be a text") }
        return text
    }

    func texts() throws(ManifestError) -> [String] {
        var texts: [String] = []
        for value in sequence() { texts.append(try value.text()) }
        return texts
    }

    func number() throws(ManifestError) -> Int {
        guard let number = node.int else { throw problem("must be a whole number") }
        return number
    }

    func flag() throws(ManifestError) -> Bool {
        guard let flag = node.bool else { throw problem("must be true or false") }
        return flag
    }

    /// A path in the guest: absolute, and without `..`, so that a reader sees which file is meant.
    func path() throws(ManifestError) -> String {
        let path = try text()
        guard path.hasPrefix("/"), path.count > 1, !path.split(separator: "/").contains("..") else {
            throw problem("must be an absolute path without \"..\"")
        }
        return path
    }

    func paths() throws(ManifestError) -> [String] {
        var paths: [String] = []
        for value in sequence() { paths.append(try value.path()) }
        return paths
    }
}
