import Foundation
import TestSupport
import Testing
import V2VConvert

/// A measurement tells the sizes of the files that a conversion writes, which are the judge.
@Suite struct MeasurementTests {
    /// Not level 0 of deflate, whose result differs now and then.
    static let variants =
        TargetVariant.main + TargetVariant.vmdk.filter { $0.level != 0 } + TargetVariant.vhd
        + TargetVariant.special.filter { !$0.name.contains("cluster 2097152") && !$0.name.contains("level") }

    @Test(arguments: variants)
    func theFilesAreAsLargeAsMeasured(variant: TargetVariant) async throws {
        let content = DiskContent.mixed
        let directory = try TemporaryDirectory()
        let source = DiskImageSource(path: try directory.write(content.bytes(), to: "disk.raw"), format: .raw)
        let target = variant.target(path: directory.file("out.img"))
        var measurement = ImageMeasurement(target)
        let bound = try await measurement.measure(source)
        measurement.readsContent = true
        let exact = try await measurement.measure(source)
        #expect(directory.names == ["disk.raw"])
        try await Converter(source: source, target: target).convert()

        #expect(Set(exact.files.map(\.name)) == Set(directory.names).subtracting(["disk.raw"]))
        for file in exact.files { #expect(fileSize(directory.file(file.name)) == Int(file.required), "\(file)") }
        #expect(bound.required >= exact.required && bound.files.map(\.name) == exact.files.map(\.name))
        #expect(exact.fullyAllocated == bound.fullyAllocated)
    }

    /// Where the map knows every zero it tells as much as reading.
    @Test(
        arguments: TargetVariant.main.filter { !$0.compresses } + [TargetVariant.vmdk[0], TargetVariant.vmdk[2]]
            + TargetVariant.vhd.filter { ["vhd dynamic", "vhdx dynamic"].contains($0.name) })
    func theMapIsEnoughWhereItKnowsTheZeros(variant: TargetVariant) async throws {
        let directory = try TemporaryDirectory()
        let image = directory.file("disk.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "5G"])
        try Tool.check("qemu-io", ["-c", "write -P 1 3M 1M", "-c", "write -P 1 4200M 192k", image])
        let target = variant.target(path: directory.file("out.img"))
        let bound = try await ImageMeasurement(target).measure(DiskImageSource(path: image))
        try await Converter(source: DiskImageSource(path: image), target: target).convert()
        for file in bound.files { #expect(fileSize(directory.file(file.name)) == Int(file.required)) }
    }

    /// Full is what the whole disk would take: with noise everywhere the file gets as large.
    @Test(arguments: variants.filter { !$0.name.contains("streamOptimized") })
    func aFullDiskTakesWhatWasMeasured(variant: TargetVariant) async throws {
        let directory = try TemporaryDirectory()
        let noise = DiskContent.all[3]
        let source = DiskImageSource(path: try directory.write(noise.bytes(), to: "disk.raw"), format: .raw)
        let target = variant.target(path: directory.file("out.img"))
        let result = try await ImageMeasurement(target).measure(source)
        try await Converter(source: source, target: target).convert()
        for file in result.files {
            #expect(fileSize(directory.file(file.name)) == Int(file.fullyAllocated))
            #expect(file.required == file.fullyAllocated)
        }
    }

    @Test func whatDiffersFromABackingFileIsMeasured() async throws {
        let directory = try TemporaryDirectory()
        let content = DiskContent.mixed.bytes()
        var base = content
        for index in 2_000_000..<2_300_000 { base[index] ^= 1 }
        try directory.write(base, to: "base.raw")
        let source = DiskImageSource(path: try directory.write(content, to: "disk.raw"), format: .raw)
        var options = QCOW2Options()
        options.backing = BackingFile(name: "base.raw", format: .raw)
        let target = DiskImageTarget(path: directory.file("out.qcow2"), format: .qcow2(options))
        var measurement = ImageMeasurement(target)
        let bound = try await measurement.measure(source)
        measurement.readsContent = true
        let exact = try await measurement.measure(source)
        try await Converter(source: source, target: target).convert()
        #expect(fileSize(target.path) == Int(exact.required) && bound.required > exact.required)
    }

    @Test func aPipeIsMeasuredByReadingIt() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        let command = """
            cd '\(directory.path)' && cat disk.raw | '\(Tool.converter)' measure --exact -f raw -O qcow2 -
            """
        let result = try Tool.check("sh", ["-c", command])
        let target = DiskImageTarget(path: directory.file("out.qcow2"))
        try await Converter(source: DiskImageSource(path: directory.file("disk.raw")), target: target).convert()
        #expect(result.hasPrefix("required size: \(try #require(fileSize(target.path)))\n"))
    }
}
