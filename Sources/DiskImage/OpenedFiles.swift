import Locking

/// The files that an image turned out to consist of: descriptors, extents, and those of its parents.
package final class OpenedFiles: Sendable {
    private struct State {
        var files: [ImageFile] = []
        var digests: [FileIdentity: ExpectedDigest] = [:]
    }

    private let state = Guarded(State())

    func append(_ file: ImageFile) {
        state.withLock { $0.files.append(file) }
    }

    /// Demands that the files that have been or will be opened have these digests.
    func expect(_ digests: [FileIdentity: ExpectedDigest]) {
        state.withLock { $0.digests.merge(digests) { $1 } }
    }

    package var identities: [FileIdentity] {
        state.withLock { $0.files.map(\.identity) }
    }

    /// The files, each once, whose digest is known beforehand.
    package var expectations: [(file: ImageFile, digest: ExpectedDigest)] {
        state.withLock { state in
            var rest = state.digests
            return state.files.compactMap { file in rest.removeValue(forKey: file.identity).map { (file, $0) } }
        }
    }

    /// Throws if a file has become shorter since it was opened: what was read as a hole may have been data.
    package func requireUnshortened() throws(ImageError) {
        for file in state.withLock({ $0.files }) { try file.requireUnshortened() }
    }
}
