import ByteLayout
import Foundation

/// Writes streamOptimized VMDKs in the order in which VMware's tools do (docs: "Virtual Disk Format 5.0"): grains, a
/// grain table behind each group of them, then the grain directory, a footer, and the end marker.
package struct VMDKStreamBuilder {
    package var grainSectors = 128
    /// Version in header and footer.
    package var version: UInt32 = 3
    /// Whether a last grain in which the disk ends is padded with zeros.
    package var storesLastGrainWhole = false
    /// Whether the grains of each grain table are stored from the last to the first.
    package var storesGrainsBackwards = false
    /// Bytes after the end-of-stream marker.
    package var trailer: [UInt8] = []
    /// Deflates a grain to a zlib stream.
    var deflate: ([UInt8]) -> [UInt8]

    package init(deflate: @escaping ([UInt8]) -> [UInt8]) {
        self.deflate = deflate
    }

    /// The image of a disk with the content `disk`, a multiple of 512 bytes.
    package func image(of disk: [UInt8]) -> [UInt8] {
        let sectors = disk.count / 512
        var file = header(sectors: sectors, directory: .max)
        file += descriptor(sectors: sectors)
        pad(&file, to: 128 * 512)
        let grainLength = grainSectors * 512
        let grains = (sectors + grainSectors - 1) / grainSectors
        var directory: [UInt32] = []
        for table in stride(from: 0, to: grains, by: 512) {
            var entries = [UInt32](repeating: 0, count: 512)
            let order = Array(table..<min(table + 512, grains))
            for grain in storesGrainsBackwards ? order.reversed() : order {
                let start = grain * grainLength
                var bytes = Array(disk[start..<min(start + grainLength, disk.count)])
                if bytes.allSatisfy({ $0 == 0 }) { continue }
                entries[grain - table] = UInt32(file.count / 512)
                if storesLastGrainWhole { bytes += [UInt8](repeating: 0, count: grainLength - bytes.count) }
                let stream = deflate(bytes)
                file += littleEndian(UInt64(grain * grainSectors)) + littleEndian(UInt32(stream.count)) + stream
                pad(&file, to: 512)
            }
            if entries.allSatisfy({ $0 == 0 }) {
                directory.append(0)
                continue
            }
            file += marker(sectors: 4, type: 1)
            directory.append(UInt32(file.count / 512))
            for entry in entries { file += littleEndian(entry) }
        }
        let directoryBytes = directory.flatMap { littleEndian($0) }
        file += marker(sectors: (directoryBytes.count + 511) / 512, type: 2)
        let directorySector = file.count / 512
        file += directoryBytes
        pad(&file, to: 512)
        file += marker(sectors: 1, type: 3)
        file += header(sectors: sectors, directory: UInt64(directorySector))
        file += marker(sectors: 0, type: 0)
        return file + trailer
    }

    private func header(sectors: Int, directory: UInt64) -> [UInt8] {
        var bytes = Array("KDMV".utf8) + littleEndian(version) + littleEndian(UInt32(0x30001))
        bytes += littleEndian(UInt64(sectors)) + littleEndian(UInt64(grainSectors))
        bytes += littleEndian(UInt64(1)) + littleEndian(UInt64(20)) + littleEndian(UInt32(512))
        bytes += littleEndian(UInt64(0)) + littleEndian(directory) + littleEndian(UInt64(128)) + [0]
        bytes += [0x0A, 0x20, 0x0D, 0x0A] + littleEndian(UInt16(1))
        return bytes + [UInt8](repeating: 0, count: 512 - bytes.count)
    }

    private func descriptor(sectors: Int) -> [UInt8] {
        var bytes = Array(
            """
            # Disk DescriptorFile
            version=1
            CID=7a4f3c21
            parentCID=ffffffff
            createType="streamOptimized"

            # Extent description
            RDONLY \(sectors) SPARSE "exported-disk1.vmdk"

            # The Disk Data Base
            #DDB
            ddb.adapterType = "lsilogic"
            ddb.virtualHWVersion = "13"

            """.utf8)
        pad(&bytes, to: 20 * 512)
        return bytes
    }

    private func marker(sectors: Int, type: UInt32) -> [UInt8] {
        let bytes = littleEndian(UInt64(sectors)) + littleEndian(UInt32(0)) + littleEndian(type)
        return bytes + [UInt8](repeating: 0, count: 512 - bytes.count)
    }

    private func pad(_ bytes: inout [UInt8], to multiple: Int) {
        bytes += [UInt8](repeating: 0, count: (multiple - bytes.count % multiple) % multiple)
    }
}

/// The bytes of `value` in little-endian order.
package func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
