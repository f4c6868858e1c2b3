/// What a check has found so far. Findings go out as they are made and are only counted here: a damaged image may have
/// millions.
package struct CheckReport {
    /// Findings of each kind.
    package private(set) var corruptions: UInt64 = 0
    package private(set) var leaks: UInt64 = 0
    package var clusters = ClusterCounts()
    /// Bytes up to the end of the last host cluster in use; 0 where the format does not tell.
    package var imageEnd: UInt64 = 0

    /// How the clusters of the disk are stored.
    package struct ClusterCounts: Sendable, Equatable {
        package var total: UInt64 = 0
        package var allocated: UInt64 = 0
        /// Allocated ones that do not follow the one before in the file.
        package var fragmented: UInt64 = 0
        package var compressed: UInt64 = 0
    }

    private let found: (CheckFinding) -> Void
    private let isCancelled: () -> Bool
    private var toldCount = 0

    /// Findings that are told one by one; a hostile image could have more than anyone can print.
    private static let maximumTold = 100_000

    /// - Parameters:
    ///   - found: is told each finding.
    ///   - isCancelled: asked from time to time.
    package init(isCancelled: @escaping () -> Bool = { false }, found: @escaping (CheckFinding) -> Void = { _ in }) {
        self.found = found
        self.isCancelled = isCancelled
    }

    /// Notes what may make data wrong.
    /// - Parameter count: how many things it is.
    package mutating func corruption(
        _ message: @autoclosure () -> String, in file: ImageFile, at offset: UInt64? = nil, count: UInt64 = 1
    ) {
        guard count > 0 else { return }
        corruptions += count
        tell(.corruption, message, file, offset)
    }

    /// Notes what takes storage in vain.
    package mutating func leak(_ message: @autoclosure () -> String, in file: ImageFile, at offset: UInt64? = nil) {
        leaks += 1
        tell(.leak, message, file, offset)
    }

    /// Notes what an error says as a corruption if it is about damage; other errors mean that nothing can be found out.
    package mutating func corruption(_ error: ImageError, in file: ImageFile) throws(ImageError) {
        guard error.code == .inputDamaged else { throw error }
        corruption(error.message, in: file, at: error.offset)
    }

    private mutating func tell(
        _ kind: CheckFinding.Kind, _ message: () -> String, _ file: ImageFile, _ offset: UInt64?
    ) {
        guard toldCount < Self.maximumTold else { return }
        toldCount += 1
        found(CheckFinding(kind: kind, message: message(), path: file.path, offset: offset))
    }

    /// - Throws: `cancelled` if nobody wants the result any more.
    package func requireWanted() throws(ImageError) {
        if isCancelled() { throw ImageError(.cancelled, "the check was cancelled") }
    }
}
