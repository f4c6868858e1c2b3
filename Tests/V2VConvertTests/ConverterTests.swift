import Foundation
import TestSupport
import Testing
import V2VConvert

/// The library as a program embeds it.
@Suite struct ConverterTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    @Test func reportsWhatItDid() async throws {
        let converter = Converter(
            source: DiskImageSource(path: raw), target: DiskImageTarget(path: directory.file("out.qcow2")))
        let report = try await converter.convert()
        #expect(report.virtualSize == 9_436_672)
        #expect(report.sourceFormat == "raw" && report.targetFormat == "qcow2")
        #expect(report.bytesRead == 9_436_672)
        #expect(report.fileSize == UInt64(try #require(fileSize(directory.file("out.qcow2")))))
        #expect(report.bytesWritten > 1 << 20 && report.zeroBytes > 1 << 20)
    }

    @Test func streamsItsProgressToTheEnd() async throws {
        let converter = Converter(
            source: DiskImageSource(path: raw), target: DiskImageTarget(path: directory.file("out.raw")))
        var last: ConversionProgress?
        for try await progress in converter.progress() {
            #expect(progress.bytesDone >= last?.bytesDone ?? 0)
            last = progress
        }
        #expect(last?.fraction == 1 && last?.phase == .finishing)
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }

    @Test func cancellingTheTaskLeavesNothing() async throws {
        let large = try directory.write([UInt8](joining: [.mixed], times: 10), to: "large.raw")
        var target = DiskImageTarget(path: directory.file("out.qcow2"))
        target.compresses = true
        target.compressionLevel = 12
        let converter = Converter(source: DiskImageSource(path: large), target: target)
        let task = Task { try await converter.convert() }
        // On a thread of its own: other tests may keep the cooperative pool busy until the conversion is over.
        let directory = directory
        Thread {
            let deadline = Date(timeIntervalSinceNow: 60)
            while !directory.names.contains("out.qcow2.partial"), Date() < deadline { usleep(5000) }
            task.cancel()
        }.start()
        let error = await #expect(throws: ImageError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(directory.names == ["disk.raw", "large.raw"])
    }

    @Test func errorsHaveCodePathAndOffset() async throws {
        let image = directory.file("cut.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        truncate(image, 400_000)
        let converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("out.raw")))
        let error = await #expect(throws: ImageError.self) { try await converter.convert() }
        #expect(error?.code == .inputDamaged)
        #expect(error?.path == image)
        #expect(error?.offset != nil)
    }

    @Test func describesImages() throws {
        let image = directory.file("image.vmdk")
        try QEMU.convert(raw, to: image, format: "vmdk", options: "subformat=streamOptimized")
        let info = try DiskImageSource(path: image).info()
        #expect(info.format == .vmdk && info.subformat == "streamOptimized" && info.clusterSize == 65536)
        #expect(throws: ImageError.self) { try DiskImageSource(path: image, format: .qcow2).info() }
    }
}
