import DiskImage
import V2VConvert

/// Reads an image front to back, as from a pipe, and checks what streams promise.
struct StreamExercise {
    private let source: DiskImageSource
    private let format: ImageFormat?
    /// Extents that are read; a disk may have billions.
    private static let maximumSteps = 2048

    init(_ source: DiskImageSource, format: ImageFormat?) {
        self.source = source
        self.format = format
    }

    func run() throws(Violation) {
        var violation: Violation?
        do throws(ImageError) {
            let opener = source.makeOpener()
            let stream = try opener.openStream(FileStream(try opener.open(source.path)), format, opener)
            _ = stream.info
            violation = try read(stream)
        } catch {
            try ImageExercise.check(error)
        }
        if let violation { throw violation }
    }

    /// - Returns: the first promise that is broken.
    private func read(_ stream: any DiskStream) throws(ImageError) -> Violation? {
        for _ in 0..<Self.maximumSteps {
            guard let coming = try stream.next() else { return nil }
            let last = coming.offset.bytes + coming.extent.length - 1
            guard coming.extent.length > 0, coming.storedLength > 0, coming.storedLength <= 5 << 20,
                last < stream.virtualSize ?? .max,
                coming.offset.bytes / StreamedExtent.window == last / StreamedExtent.window
            else { return Violation("a stream's extent can't be \(coming)") }
            var buffer = [UInt8](repeating: 0, count: coming.storedLength)
            var result = Result<Int, ImageError>.success(0)
            unsafe buffer.withUnsafeMutableBytes { bytes in
                // Safe: as long as the stream said.
                result = Result { () throws(ImageError) in unsafe try stream.read(into: bytes) }
            }
            let count = try result.get()
            guard count <= coming.storedLength, count == coming.storedLength || stream.virtualSize == nil else {
                return Violation("a stream reads \(count) bytes of \(coming)")
            }
            if count < coming.storedLength { return nil }
        }
        return nil
    }
}
