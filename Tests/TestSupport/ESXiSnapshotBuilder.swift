import Foundation

/// Writes the extents of ESXi's snapshots straight from the reference: no tool at hand writes them.
package enum ESXiSnapshotBuilder {
    /// What a snapshot has of a grain.
    package enum Grain: Sendable {
        case absent
        case data
        /// seSparse only.
        case zero
        /// seSparse only: unmapped by the guest; an old grain number is still there.
        case unmapped
    }

    /// A vmfsSparse (COWD) extent with grains of `grainSectors` sectors.
    package static func cowd(_ disk: [UInt8], grainSectors: Int, grain kind: (Int) -> Grain) -> [UInt8] {
        let sectors = disk.count / 512
        let grains = (sectors + grainSectors - 1) / grainSectors
        let tables = (grains + 4095) / 4096
        var header = Array("COWD".utf8)
        header += littleEndian(UInt32(1)) + littleEndian(UInt32(3)) + littleEndian(UInt32(sectors))
        header += littleEndian(UInt32(grainSectors)) + littleEndian(UInt32(4)) + littleEndian(UInt32(tables))
        header += [UInt8](repeating: 0, count: 2048 - header.count)
        let directorySectors = (tables * 4 + 511) / 512
        var directory: [UInt8] = []
        var file: [UInt8] = []
        let start = 4 + directorySectors
        for table in 0..<tables {
            let inTable = table * 4096..<min(table * 4096 + 4096, grains)
            guard inTable.contains(where: { kind($0) == .data }) else {
                directory += littleEndian(UInt32(0))
                continue
            }
            directory += littleEndian(UInt32(start + file.count / 512))
            var entries: [UInt8] = []
            var data: [UInt8] = []
            let firstGrain = start + file.count / 512 + 32
            for index in inTable {
                guard kind(index) == .data else {
                    entries += littleEndian(UInt32(0))
                    continue
                }
                entries += littleEndian(UInt32(firstGrain + data.count / 512))
                let range = index * grainSectors * 512..<min((index + 1) * grainSectors * 512, disk.count)
                data += disk[range] + [UInt8](repeating: 0, count: grainSectors * 512 - range.count)
            }
            file += entries + [UInt8](repeating: 0, count: 16384 - entries.count) + data
        }
        directory += [UInt8](repeating: 0, count: directorySectors * 512 - directory.count)
        return header + directory + file
    }

    /// A seSparse extent: grains of 4 KiB, tables of 4096 entries, in reverse order as ESXi does not sort them.
    package static func seSparse(_ disk: [UInt8], grain kind: (Int) -> Grain) -> [UInt8] {
        let grains = (disk.count + 4095) / 4096
        let tables = (grains + 4095) / 4096
        let tablesStart = 16
        let grainsStart = tablesStart + tables * 64
        var directory: [UInt8] = []
        var tableBytes = [[UInt8]](repeating: [], count: tables)
        var data: [UInt8] = []
        for table in 0..<tables {
            let number = tables - 1 - table
            directory += littleEndian(UInt64(1) << 60 | UInt64(number))
            for index in table * 4096..<table * 4096 + 4096 {
                let entry: UInt64
                let next = UInt64(data.count / 4096)
                let packed = (next & 0xFFF) << 48 | next >> 12
                switch index < grains ? kind(index) : .absent {
                case .absent: entry = 0
                case .unmapped: entry = 1 << 60 | packed
                case .zero: entry = 2 << 60
                case .data:
                    entry = 3 << 60 | packed
                    let range = index * 4096..<min(index * 4096 + 4096, disk.count)
                    data += disk[range] + [UInt8](repeating: 0, count: 4096 - range.count)
                }
                tableBytes[number] += littleEndian(entry)
            }
        }
        var header = [UInt64](repeating: 0, count: 64)
        header[0] = 0xCAFE_BABE
        header[1] = 0x2_0000_0001
        header[2] = UInt64(disk.count / 512)
        header[3] = 8
        header[4] = 64
        // Position and size in sectors: volatile header, journal header, journal, directory, tables, bitmap, back map,
        // grains.
        let areas: [(Int, Int)] = [
            (1, 1), (2, 1), (3, 1), (8, (directory.count + 511) / 512), (tablesStart, tables * 64), (4, 1), (5, 1),
            (grainsStart, data.count / 512),
        ]
        for (index, area) in areas.enumerated() {
            header[10 + index * 2] = UInt64(area.0)
            header[11 + index * 2] = UInt64(area.1)
        }
        var file = header.flatMap { littleEndian($0) }
        file += littleEndian(UInt64(0xCAFE_CAFE)) + [UInt8](repeating: 0, count: 504)
        file += [UInt8](repeating: 0, count: 8 * 512 - file.count) + directory
        file += [UInt8](repeating: 0, count: tablesStart * 512 - file.count)
        return file + tableBytes.flatMap { $0 } + data
    }

    /// The descriptor of a snapshot whose only extent is `extent`.
    package static func descriptor(_ createType: String, sectors: Int, kind: String, extent: String, parent: String)
        -> String
    {
        """
        # Disk DescriptorFile
        version=1
        encoding="UTF-8"
        CID=0badcafe
        parentCID=12345678
        isNativeSnapshot="no"
        createType="\(createType)"
        parentFileNameHint="\(parent)"
        # Extent description
        RW \(sectors) \(kind) "\(extent)"

        # The Disk Data Base
        #DDB
        ddb.longContentID = "0123456789abcdef012345670badcafe"
        """
    }
}
