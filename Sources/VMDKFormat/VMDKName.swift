import ByteLayout
package import DiskImage

/// The name of a VMDK that is written, from which those of its extents' files follow.
package struct VMDKName: Sendable {
    /// The last component of the path.
    let name: String

    /// - Parameter path: of the output.
    /// - Throws: `invalidOption` if a descriptor can't hold the name.
    package init(path: String) throws(ImageError) {
        name = path.split(separator: "/").last.map(String.init) ?? path
        guard !name.unicodeScalars.contains(where: { $0 == "\"" || $0.value < 0x20 || $0.value == 0x7F }) else {
            throw ImageError(
                .invalidOption, "a VMDK can't have quotes or control characters in its name",
                advice: "choose another name", path: path)
        }
    }

    /// The name without its extension.
    private var stem: Substring {
        name.lowercased().hasSuffix(".vmdk") ? name.dropLast(5) : name[...]
    }

    /// What the descriptor lists for a disk of `virtualSize` bytes: at least one extent, and all but the last of one size.
    func extentLines(_ subformat: VMDKOptions.Subformat, virtualSize: UInt64) -> [ExtentLine] {
        let sectors = virtualSize / VMDK.sectorSize
        switch subformat {
        case .monolithicSparse: return [line(sectors, .sparse, name)]
        case .streamOptimized: return [line(sectors, .sparse, name, access: .readOnly)]
        case .monolithicFlat: return [line(sectors, .flat, stem + "-flat.vmdk")]
        case .twoGbMaxExtentSparse: return split(sectors, .sparse, "s")
        case .twoGbMaxExtentFlat: return split(sectors, .flat, "f")
        }
    }

    private func split(_ sectors: UInt64, _ kind: ExtentLine.Kind, _ letter: String) -> [ExtentLine] {
        let limit = VMDK.splitExtentSectors
        return (0..<max(1, sectors.dividedUp(by: limit))).map { index in
            let digits = "\(index + 1)"
            let number = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
            return line(min(limit, sectors - index * limit), kind, stem + "-\(letter)\(number).vmdk")
        }
    }

    private func line(
        _ sectors: UInt64, _ kind: ExtentLine.Kind, _ name: some StringProtocol,
        access: ExtentLine.Access = .readWrite
    ) -> ExtentLine {
        ExtentLine(access: access, sectors: sectors, kind: kind, fileName: String(name), offset: 0)
    }
}
