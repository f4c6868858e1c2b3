import DiskImage
import Glibc
import Locking

/// The temporary files of this process's conversions.
package enum UnfinishedOutputs {
    private static let paths = Guarded(Set<String>())

    static func insert(_ path: String) {
        paths.withLock { _ = $0.insert(path) }
    }

    /// Runs `body`, which gives the files at `temporaryPaths` their final names, while nobody deletes any; forgets them
    /// if it succeeds.
    static func finish(_ temporaryPaths: [String], _ body: () throws(ImageError) -> Void) throws(ImageError) {
        try paths.withLock { paths throws(ImageError) in
            try body()
            paths.subtract(temporaryPaths)
        }
    }

    /// Deletes the file at `path`.
    static func remove(_ path: String) {
        paths.withLock { if $0.remove(path) != nil { unsafe _ = unlink(path) } }
    }

    /// Deletes all of them: the process is about to end without waiting for its conversions.
    package static func removeAll() {
        paths.withLock { paths in
            for path in paths { unsafe _ = unlink(path) }
            paths.removeAll()
        }
    }
}
