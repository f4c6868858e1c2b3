import Locking

/// What was found wrong with an image while it was read, though reading went on; each once.
package final class Findings: Sendable {
    private let found = Guarded<[String]>([])

    /// Damage may repeat for every table of a large disk.
    private static let maximumCount = 1000

    package init() {}

    /// Notes what a user should know.
    package func warn(_ warning: String) {
        found.withLock { if $0.count < Self.maximumCount, !$0.contains(warning) { $0.append(warning) } }
    }

    package var warnings: [String] { found.withLock { $0 } }
}
