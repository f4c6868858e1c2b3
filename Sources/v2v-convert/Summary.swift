import V2VConvert

/// The line after a conversion.
enum Summary {
    /// What was lost while salvaging.
    static func text(_ range: LostRange) -> String {
        "lost: \(range.length) bytes from byte \(range.start) of the disk became zeros; \(range.reason)"
    }

    static func text(_ report: ConversionReport) -> String {
        let shared = report.bytesShared > 0 ? "shared \(Size.text(report.bytesShared)), " : ""
        return "\(report.target): \(Size.text(report.virtualSize)) disk, read \(Size.text(report.bytesRead)), "
            + "wrote \(Size.text(report.bytesWritten)), \(shared)\(Size.text(report.zeroBytes)) left out, "
            + "\(report.seconds.fixed(2)) s, \(report.megabytesPerSecond.fixed(0)) MB/s"
            + (report.isVerified ? ", verified" : "")
    }
}
