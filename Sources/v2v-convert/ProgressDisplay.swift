import ArgumentParser
import Synchronization
import V2VConvert

/// Shows how far a conversion is, on standard error.
final class ProgressDisplay: Sendable {
    enum Kind: String, ExpressibleByArgument, CaseIterable, Sendable {
        case bar
        case json
        case none
    }

    private let kind: Kind
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    /// Characters of the line that is on the terminal.
    private let shownLength = Atomic(0)

    init(kind: Kind) {
        self.kind = kind
        start = clock.now
    }

    func show(_ progress: ConversionProgress) {
        let seconds = start.duration(to: clock.now) / .seconds(1)
        let rate = seconds > 0 ? Double(progress.bytesDone) / seconds : 0
        switch kind {
        case .none: break
        case .json: JSONOutput.errorLine(Line(progress, rate: rate))
        case .bar: showBar(progress, rate: rate)
        }
    }

    /// Leaves the bar's line.
    func end() {
        if shownLength.exchange(0, ordering: .relaxed) > 0 { Terminal.write("\n") }
    }

    private struct Line: Encodable {
        var bytesDone: UInt64
        var bytesTotal: UInt64?
        var bytesPerSecond: UInt64
        var phase: String

        init(_ progress: ConversionProgress, rate: Double) {
            bytesDone = progress.bytesDone
            bytesTotal = progress.bytesTotal
            bytesPerSecond = UInt64(rate)
            phase = progress.phase.rawValue
        }

        enum CodingKeys: String, CodingKey {
            case bytesDone = "bytes-done"
            case bytesTotal = "bytes-total"
            case bytesPerSecond = "bytes-per-second"
            case phase
        }
    }

    private func showBar(_ progress: ConversionProgress, rate: Double) {
        let gib = Double(1 << 30)
        var text = "\((Double(progress.bytesDone) / gib).fixed(2))"
        if let fraction = progress.fraction, let total = progress.bytesTotal {
            let width = 24
            let filled = Int(fraction * Double(width))
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
            text = "[\(bar)] \((fraction * 100).fixed(1))%  \(text) of \((Double(total) / gib).fixed(2))"
        }
        text += " GiB  \((rate / 1e6).fixed(0)) MB/s"
        switch progress.phase {
        case .mapping: text += "  reading tables"
        case .finishing: text += "  finishing"
        case .copying:
            guard rate > 0, let total = progress.bytesTotal else { break }
            text += "  \(Self.duration(Double(total - progress.bytesDone) / rate)) left"
        }
        let rest = max(0, shownLength.exchange(text.count, ordering: .relaxed) - text.count)
        Terminal.write("\r" + text + String(repeating: " ", count: rest))
    }

    private static func duration(_ seconds: Double) -> String {
        let total = Int(seconds.rounded(.up))
        let parts = [total / 3600, total / 60 % 60, total % 60]
        let shown = parts[0] > 0 ? parts : Array(parts[1...])
        return shown.enumerated().map { $0 == 0 || $1 > 9 ? "\($1)" : "0\($1)" }.joined(separator: ":")
    }
}
