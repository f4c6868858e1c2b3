import ByteLayout
import Digests
package import DiskImage
import Locking
import Synchronization

/// Makes the digest of a disk's content, see ``HashTree``: each thread that of a chunk at a time. What is known to be zero is
/// neither read nor hashed.
package struct Checksum {
    private let source: any ChunkSource
    private let files: [ImageFile]
    private let job: Job
    private let tree = Guarded(HashTree())
    /// What lies before this byte of the disk has been handed out, or is zero.
    private let position = Guarded<UInt64>(0)

    /// Joins between a block and a chunk.
    private static let chunkHeight = (ConversionSettings.chunkSize / HashTree.blockSize).trailingZeroBitCount

    /// Of a disk with a map.
    package init(_ map: sending any DiskMap, job: Job) {
        files = map.files
        self.job = job
        job.begin(.copying, total: map.virtualSize)
        source = Planner(CopySource(map), includesHoles: false)
    }

    /// Of a disk that comes front to back.
    package init(_ stream: sending any DiskStream, job: Job) throws(ImageError) {
        // Nothing is read from it: messages about the stream need a file with its name.
        files = [try ImageFile(bytes: [], path: stream.path)]
        self.job = job
        job.begin(.copying, total: stream.virtualSize)
        source = StreamPlanner(stream: stream, includesHoles: false, job: job)
    }

    /// Makes the digest, with `workers` threads that read, inflate and hash.
    /// - Returns: its 32 bytes, and the bytes of the disk.
    package func run(workers: Int) throws(ImageError) -> (digest: [UInt8], virtualSize: UInt64) {
        WorkerThread.run(workers, job) { _ in work() }
        try job.check()
        let size = source.virtualSize
        passOver(from: position.withLock { $0 }, to: size)
        let digest = tree.withLock { tree in
            tree.insertZeros(from: Self.firstBlock(ofChunkBehind: size))
            return tree.root
        }
        return (digest, size)
    }

    /// The body of a thread.
    private func work() {
        do throws(ImageError) {
            let reader = try ContentReader(files: files)
            while !job.isStopped, let chunk = try claim(reader) {
                let bytes = unsafe try reader.readClaimed()
                let digest = unsafe HashTree.subtree(bytes, height: Self.chunkHeight)
                tree.withLock { tree in
                    tree.insert(
                        digest, height: Self.chunkHeight,
                        index: chunk.offset.bytes / UInt64(ConversionSettings.chunkSize))
                }
                job.copiedBytes.add(UInt64(chunk.length), ordering: .relaxed)
            }
        } catch {
            job.fail(error)
        }
    }

    /// Takes the next chunk; what lies before it is zero.
    private func claim(_ reader: ContentReader) throws(ImageError) -> Chunk? {
        try position.withLock { position throws(ImageError) in
            guard let chunk = try reader.claim(from: source) else { return nil }
            passOver(from: position, to: chunk.offset.bytes)
            position = chunk.offset.bytes + UInt64(chunk.length)
            return chunk
        }
    }

    /// Notes that a range of the disk, between chunks, is zero.
    private func passOver(from start: UInt64, to end: UInt64) {
        guard end > start else { return }
        tree.withLock { tree in
            tree.insertZeros(Self.firstBlock(ofChunkBehind: start)..<Self.firstBlock(ofChunkBehind: end))
        }
        job.copiedBytes.add(end - start, ordering: .relaxed)
    }

    /// The first block of the first chunk that starts at or behind `offset`.
    private static func firstBlock(ofChunkBehind offset: UInt64) -> UInt64 {
        offset.alignedUp(to: UInt64(ConversionSettings.chunkSize)) / UInt64(HashTree.blockSize)
    }
}
