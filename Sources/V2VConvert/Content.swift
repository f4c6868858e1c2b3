import Conversion
import DiskImage

/// What is converted: a disk with a map, or one that comes front to back.
///
/// Safe to send: first the converter has it, then the engine's threads under their locks, then the converter again.
@safe enum Content: @unchecked Sendable {
    /// With the bytes of the disk that must be copied.
    case disk(CopySource, dataBytes: UInt64)
    /// With the number of the warnings that its start has given.
    case stream(any DiskStream, warnings: Int)

    /// Bytes of the disk, nil if only its end will tell.
    var virtualSize: UInt64? {
        switch self {
        case .disk(let disk, _): disk.virtualSize
        case .stream(let stream, _): stream.virtualSize
        }
    }

    /// Bytes of the disk that will be copied, nil if only its end will tell.
    var dataBytes: UInt64? {
        switch self {
        case .disk(_, let dataBytes): dataBytes
        case .stream: nil
        }
    }

    /// Warnings that only reading it has given.
    var lateWarnings: [String] {
        switch self {
        case .disk: []
        case .stream(let stream, let count): Array(stream.info.warnings.dropFirst(count))
        }
    }

    /// Copies the disk to `output`, or, if that is nil, finds out how large the files would be.
    /// - Returns: bytes of the disk, and of the finished files.
    func copy(
        _ engine: Engine, to writer: sending any ImageWriter, output: Output?, minimumZeroRun: Int
    ) throws(ImageError) -> (virtualSize: UInt64, fileSizes: [UInt64]) {
        switch self {
        case .disk(let copied, _):
            nonisolated(unsafe) let disk = copied
            let sizes = unsafe try engine.copy(disk, to: writer, output: output, minimumZeroRun: minimumZeroRun)
            return (copied.virtualSize, sizes)
        case .stream(let stream, _):
            nonisolated(unsafe) let disk = stream
            return unsafe try engine.copy(disk, to: writer, output: output, minimumZeroRun: minimumZeroRun)
        }
    }
}
