import V2VConvert

/// The line after a conversion.
enum Summary {
    static func text(_ report: ConversionReport) -> String {
        "\(report.target): \(Size.text(report.virtualSize)) disk, read \(Size.text(report.bytesRead)), "
            + "wrote \(Size.text(report.bytesWritten)), \(Size.text(report.zeroBytes)) of zeros left out, "
            + "\(report.seconds.fixed(2)) s, \(report.megabytesPerSecond.fixed(0)) MB/s"
    }
}
