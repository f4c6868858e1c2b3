import Benchmark
import BenchmarkSubjects

/// How much slower than the stored threshold the 90th percentile may be, in percent: what a shared machine needs.
let tolerance = 30.0

// Names without spaces: `thresholds check` looks for files with exactly these names, `thresholds update` writes others.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock], timeUnits: .microseconds, warmupIterations: 10, maxDuration: .seconds(3),
        thresholds: [.wallClock: BenchmarkThresholds(relative: [.p90: tolerance])])

    Benchmark("zero-scan") { benchmark, subject in
        blackHole(subject.scan())
    } setup: {
        ZeroScanSubject()
    }

    Benchmark("map-lookup") { benchmark, subject in
        blackHole(try subject.walk())
    } setup: {
        try MapSubject()
    }

    Benchmark("sequencer") { benchmark, subject in
        blackHole(try subject.placeAll())
    } setup: {
        try SequencerSubject()
    }

    let codecs: [(String, CodecSubject.Codec)] = [
        ("deflate-0", .deflate(level: 0)), ("deflate-1", .deflate(level: 1)), ("zstd-3", .zstd(level: 3)),
    ]
    for (name, codec) in codecs {
        Benchmark("\(name)-compress") { benchmark, subject in
            blackHole(subject.encode())
        } setup: {
            CodecSubject(codec)
        }
        Benchmark("\(name)-inflate") { benchmark, subject in
            blackHole(subject.decode())
        } setup: {
            CodecSubject(codec)
        }
    }
}
