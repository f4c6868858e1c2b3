import Compression
import Conversion
import DiskImage
import V2VConvert

/// Reads an image as a conversion does: header, facts, map, extents, compressed units. Checks what readers promise. Then
/// the image's own tables are checked.
struct ImageExercise {
    private let source: DiskImageSource
    /// Extents that are looked at; a disk may have billions. With 2048 tables that are one large hole took most of the time.
    private static let maximumSteps = 512
    /// How often a check may ask whether it is still wanted. With 256 inputs of VDI took 0.25 s each, with 4 a tenth of that.
    private static let maximumCheckSteps = 4
    /// Extents that are asked for a second time, in parts.
    private static let maximumParts = 64
    /// Compressed units that are inflated.
    private static let maximumUnits = 4

    init(_ source: DiskImageSource) {
        self.source = source
    }

    func run() throws(Violation) {
        try exercise(source)
        var salvaging = source
        salvaging.salvages = true
        try exercise(salvaging)
    }

    private func exercise(_ source: DiskImageSource) throws(Violation) {
        let reader: any ImageReader
        do throws(ImageError) {
            reader = try source.open().reader
        } catch {
            return try Self.check(error)
        }
        let salvages = source.salvages
        if salvages, let checker = reader as? any ImageChecker {
            var steps = 0
            var report = CheckReport(isCancelled: {
                steps += 1
                return steps > Self.maximumCheckSteps
            })
            do throws(ImageError) {
                try checker.check(&report)
            } catch  where error.code == .cancelled {
                // A table that is one large hole has nothing new to tell.
            } catch {
                try Self.check(error)
            }
        }
        try exercise(salvages: salvages) { () throws(ImageError) in try reader.makeMap() }
        if !reader.info.snapshots.isEmpty {
            try exercise(salvages: salvages) { () throws(ImageError) in
                try reader.makeMap(of: .matching(id: nil, name: nil))
            }
        }
    }

    private func exercise(
        salvages: Bool, _ makeMap: () throws(ImageError) -> any DiskMap
    ) throws(Violation) {
        let map: any DiskMap
        do throws(ImageError) {
            map = try makeMap()
        } catch {
            return try Self.check(error)
        }
        if salvages {
            let (_, refusal) = try walk(SalvagingMap(map, losses: Losses()))
            if let refusal { throw Violation("salvaging does not go on: \(refusal)") }
            return
        }
        let (extents, refusal) = try walk(map)
        if let refusal { try Self.check(refusal) }
        try repeatInParts(extents, of: map)
        inflateUnits(extents, of: map)
    }

    /// A refusal says what is wrong with which file.
    static func check(_ error: ImageError) throws(Violation) {
        if error.path == nil || error.message.isEmpty { throw Violation("the error tells too little: \(error)") }
        // `invalidOption` is for a machine of several disks, none of which was named.
        let codes: [ImageError.Code] = [
            .inputUnreadable, .inputFormat, .inputDamaged, .inputUnsupported, .invalidOption,
        ]
        if !codes.contains(error.code) { throw Violation("the error has the wrong code: \(error.code) \(error)") }
    }

    private typealias Place = (offset: UInt64, extent: Extent)

    /// The extents from the start of the disk, each checked, up to a bound or to where the image is refused.
    private func walk(_ map: any DiskMap) throws(Violation) -> ([Place], ImageError?) {
        var extents: [Place] = []
        var position: UInt64 = 0
        while position < map.virtualSize, extents.count < Self.maximumSteps {
            let limit = map.virtualSize - position
            let extent: Extent
            do throws(ImageError) {
                extent = try map.extent(at: GuestOffset(position), limit: limit)
            } catch {
                return (extents, error)
            }
            try check(extent, limit: limit, in: map)
            extents.append((position, extent))
            position += extent.length
        }
        return (extents, nil)
    }

    private func check(_ extent: Extent, limit: UInt64, in map: any DiskMap) throws(Violation) {
        func require(_ condition: Bool) throws(Violation) {
            if !condition { throw Violation("an extent of at most \(limit) bytes can't be \(extent)") }
        }
        try require(extent.length >= 1 && extent.length <= limit)
        switch extent.content {
        case .zero:
            break
        case .unallocated:
            try require(false)
        case .data(let file, let offset):
            try require(map.files.indices.contains(file))
            try require(offset.bytes <= map.files[file].size)
            try require(extent.length <= map.files[file].size - offset.bytes)
        case .compressed(let unit):
            try require(map.files.indices.contains(unit.file))
            try require(unit.offset.bytes < map.files[unit.file].size)
            try require((1...5 << 20).contains(unit.storedBound) && (1...2 << 20).contains(unit.unitLength))
            try require((1...unit.unitLength).contains(unit.minimumLength))
            try require(unit.skipped < UInt64(unit.minimumLength))
            try require(extent.length <= UInt64(unit.minimumLength) - unit.skipped)
        }
    }

    /// Asks for parts of the extents, backwards, so that tables are loaded again and in another order.
    private func repeatInParts(_ extents: [Place], of map: any DiskMap) throws(Violation) {
        for (start, whole) in extents.suffix(Self.maximumParts).reversed() {
            for skipped in Set([0, whole.length / 2, whole.length - 1]) {
                let limit = max(1, (whole.length - skipped) / 2)
                let part: Extent
                do throws(ImageError) {
                    part = try map.extent(at: GuestOffset(start + skipped), limit: limit)
                } catch {
                    throw Violation("\(skipped) bytes into \(whole) at \(start): \(error)")
                }
                try check(part, limit: limit, in: map)
                guard part.content == whole.content.skipping(skipped) else {
                    throw Violation("\(skipped) bytes into \(whole) at \(start) there is \(part)")
                }
            }
        }
    }

    private func inflateUnits(_ extents: [Place], of map: any DiskMap) {
        let decoder = UnitDecoder()
        var remaining = Self.maximumUnits
        for (_, extent) in extents where remaining > 0 {
            guard case .compressed(let unit) = extent.content else { continue }
            remaining -= 1
            let file = map.files[unit.file]
            let count = Int(min(UInt64(unit.storedBound), file.size - unit.offset.bytes))
            guard let stored = try? file.read(at: unit.offset.bytes, count: count, what: "unit") else { continue }
            var inflated = [UInt8](repeating: 0, count: unit.unitLength)
            // Safe: both buffers are passed with their lengths.
            unsafe stored.withUnsafeBytes { source in
                unsafe inflated.withUnsafeMutableBytes { destination in
                    try? unsafe decoder.decode(
                        unit.coding, source, into: destination, minimumLength: unit.minimumLength)
                }
            }
        }
    }
}
