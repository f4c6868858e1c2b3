import ByteLayout
package import DiskImage

extension VMDKReader: ImageChecker {
    /// Checks the extents' lengths and tables, the order of a stream, and that the parent is the one it was.
    package func check(_ report: inout CheckReport) throws(ImageError) {
        for extent in extents {
            switch extent.storage {
            case .zero: break
            case .missing(let error): try report.corruption(error, in: file)
            case .flat(let number, let offset):
                let file = files[number]
                if file.size < offset || file.size - offset < extent.length {
                    report.corruption(
                        "the extent is cut short: it has \(extent.length) bytes from byte \(offset), the file "
                            + "\(file.size)", in: file, at: file.size)
                }
            case .sparse(let number, let header):
                try SparseExtentCheck(file: files[number], layout: header.layout, length: extent.length, &report)
                    .run(&report)
                try StreamOrderCheck(file: files[number], header: header).run(&report)
            case .cowd(let number, let header):
                try SparseExtentCheck(file: files[number], layout: header.layout, length: extent.length, &report)
                    .run(&report)
            case .seSparse(let number, let header):
                try walk(
                    SESparseExtent(file: files[number], fileIndex: number, header: header, length: extent.length),
                    length: extent.length, in: files[number], &report)
            }
        }
        do throws(ImageError) {
            _ = try openParent()
        } catch {
            try report.corruption(error, in: file)
        }
    }

    /// Asks for every grain of `extent`, which is in `file`.
    private func walk(
        _ extent: SESparseExtent, length: UInt64, in file: ImageFile, _ report: inout CheckReport
    ) throws(ImageError) {
        var position: UInt64 = 0
        while position < length {
            try report.requireWanted()
            do throws(ImageError) {
                position += try extent.extent(at: position, limit: length - position).length
            } catch {
                try report.corruption(error, in: file)
                position += extent.unmappableLength(at: position)
            }
        }
    }
}
