/// A format whose images can be checked.
package protocol ImageChecker: ImageReader {
    /// Looks for contradictions in the image's own tables; what the guest stored is not looked at.
    /// - Throws: ``ImageError`` if that can't be found out.
    func check(_ report: inout CheckReport) throws(ImageError)
}

/// A format whose images can be repaired in place.
package protocol ImageRepairer: ImageChecker {
    /// Repairs what can be. At every moment the file is no worse than before.
    /// - Parameters:
    ///   - output: writes to the image's file.
    ///   - reopen: the file as it is by then.
    /// - Returns: what was repaired.
    func repair(
        _ extent: RepairExtent, output: any OutputSink, reopen: () throws(ImageError) -> ImageFile,
        _ report: inout CheckReport
    ) throws(ImageError) -> RepairCounts

    /// Takes back the marks that say that the image needs a check, for there is nothing wrong any more.
    func markConsistent(output: any OutputSink) throws(ImageError)
}

/// How much is repaired.
public enum RepairExtent: String, Sendable, CaseIterable {
    /// What can't lose data: storage that nothing uses is given back.
    case leaks
    /// Everything. The wrong one of two contradicting tables may be believed.
    case all
}

/// What a repair has done.
package struct RepairCounts: Sendable, Equatable {
    package var leaks: UInt64 = 0
    package var corruptions: UInt64 = 0

    package init() {}
}
