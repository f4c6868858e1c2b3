/// Which of an image's internal snapshots is meant, as `-l` of `qemu-img convert` says it.
public enum SnapshotSelector: Sendable, Hashable {
    /// The one with this id, else the first with this name.
    case idOrName(String)
    /// The first that has both, as far as they are given.
    case matching(id: String?, name: String?)

    /// The index of the snapshot that is meant, nil if there is none.
    package func index(in snapshots: [SnapshotInfo]) -> Int? {
        switch self {
        case .idOrName(let text):
            snapshots.firstIndex { $0.id == text } ?? snapshots.firstIndex { $0.name == text }
        case .matching(let id, let name):
            snapshots.firstIndex { (id == nil || $0.id == id) && (name == nil || $0.name == name) }
        }
    }
}

extension SnapshotSelector: CustomStringConvertible {
    /// For messages: `with id 1 and name "before the update"`.
    public var description: String {
        switch self {
        case .idOrName(let text): "with id or name \"\(text)\""
        case .matching(let id, let name):
            "with "
                + [id.map { "id \($0)" }, name.map { "name \"\($0)\"" }].compactMap(\.self).joined(separator: " and ")
        }
    }
}
