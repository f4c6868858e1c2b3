package import DiskImage

/// Performs writes in a file, and remembers them, so that a test can try what a crash would have let through.
package final class WriteRecorder: OutputSink {
    package struct Write {
        package var offset: Int
        package var bytes: [UInt8]
        /// How many barriers came before.
        package var epoch: Int
    }

    private let file: EditableFile
    package private(set) var writes: [Write] = []
    private var epoch = 0

    package init(_ file: EditableFile) {
        self.file = file
    }

    package func reserve(_ file: Int, upTo size: UInt64) {}

    package func barrier() throws(ImageError) {
        epoch += 1
        try file.barrier()
    }

    package func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) throws(ImageError) {
        writes.append(Write(offset: Int(offset.bytes), bytes: bytes, epoch: epoch))
        try self.file.write(bytes, at: offset)
    }

    package func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError) {
        try write([UInt8](repeating: 0, count: Int(length)), file: 0, at: offset)
    }

    /// What a crash may leave of the writes: all that a barrier followed, and some of the others. Every prefix is tried, and
    /// every write as the only one since the barrier.
    package var survivors: [[Write]] {
        (0...writes.count).map { Array(writes[..<$0]) }
            + writes.indices.filter { $0 > 0 && writes[$0 - 1].epoch == writes[$0].epoch }.map { index in
                writes[..<index].filter { $0.epoch < writes[index].epoch } + [writes[index]]
            }
    }
}

extension [UInt8] {
    /// These bytes of a file after `writes`.
    package func after(_ writes: [WriteRecorder.Write]) -> [UInt8] {
        var bytes = self
        for write in writes {
            let end = write.offset + write.bytes.count
            if end > bytes.count { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
            bytes.replaceSubrange(write.offset..<end, with: write.bytes)
        }
        return bytes
    }
}
