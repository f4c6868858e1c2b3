import Synchronization

/// The files that an image turned out to consist of: descriptors, extents, and those of its parents.
package final class OpenedFiles: Sendable {
    private let files = Mutex<[ImageFile]>([])

    func append(_ file: ImageFile) {
        files.withLock { $0.append(file) }
    }

    package var identities: [FileIdentity] {
        files.withLock { $0.map(\.identity) }
    }

    /// Throws if a file has become shorter since it was opened: what was read as a hole may have been data.
    package func requireUnshortened() throws(ImageError) {
        for file in files.withLock({ $0 }) { try file.requireUnshortened() }
    }
}
