import TestSupport
import Testing
import V2VConvert

/// The comparison as programs use it.
@Suite struct ImageComparisonTests {
    let directory: TemporaryDirectory
    let comparison: ImageComparison

    init() throws {
        directory = try TemporaryDirectory()
        var bytes = [UInt8](repeating: 1, count: 3 << 20)
        let first = try directory.write(bytes, to: "first.raw")
        bytes[2_500_001] = 2
        bytes[2_600_000] = 2
        comparison = ImageComparison(
            DiskImageSource(path: first), DiskImageSource(path: try directory.write(bytes, to: "second.raw")))
    }

    @Test func tellsTheByte() async throws {
        let result = try await comparison.compare()
        #expect(result.difference == .content(offset: 2_500_001))
        #expect(!result.hasSizeMismatch && result.sharedSize == 3 << 20)
    }

    @Test func ofTheSameFileReadsNothing() async throws {
        let same = ImageComparison(comparison.first, comparison.first)
        #expect(try await same.compare().difference == nil)
    }

    @Test func canBeCancelled() async throws {
        let task = Task { [comparison] in
            while !Task.isCancelled { await Task.yield() }
            return try await comparison.compare()
        }
        task.cancel()
        let error = await #expect(throws: ImageError.self) { try await task.value }
        #expect(error?.code == .cancelled)
    }
}
