import ArgumentParser
import V2VConvert

extension SnapshotSelector {
    /// An id or a name, or `snapshot.id=…,snapshot.name=…` with one or both of them, as `qemu-img convert -l` takes it.
    init(argument: String) throws {
        guard argument.hasPrefix("snapshot.") else {
            self = .idOrName(argument)
            return
        }
        var id: String?
        var name: String?
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            if part.hasPrefix("snapshot.id=") {
                id = String(part.dropFirst("snapshot.id=".count))
            } else if part.hasPrefix("snapshot.name=") {
                name = String(part.dropFirst("snapshot.name=".count))
            } else {
                throw ValidationError("-l takes snapshot.id=ID,snapshot.name=NAME, not \"\(part)\"")
            }
        }
        self = .matching(id: id, name: name)
    }
}
