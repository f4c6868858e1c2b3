import DiskImage
import SystemPackage

extension Slot {
    /// What is read at a time where a larger read has failed: the sector of most disks, and a page.
    private static let step = 4096

    /// Reads what can be read of a transfer that has failed, a piece at a time. The rest becomes zeros and is noted;
    /// zeros in compressed data are noticed, and noted, when it is decoded.
    func salvage(_ transfer: Transfer, from file: ImageFile, _ failure: ImageError, losses: Losses) {
        var done = 0
        while unsafe done < transfer.memory.count {
            let offset = transfer.offset + UInt64(done)
            let count = unsafe min(Self.step - Int(offset % UInt64(Self.step)), transfer.memory.count - done)
            // Safe: a part of the transfer's own memory.
            let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: transfer.memory[done..<done + count])
            let got = unsafe (try? file.readSome(at: offset, into: memory)) ?? 0
            if got == 0 {
                unsafe memory.zero()
                unsafe note(
                    memory,
                    ImageError(
                        failure.code, failure.message, path: failure.path, offset: offset, errno: failure.errno), losses
                )
            }
            done += got == 0 ? count : got
        }
    }

    /// Notes that `memory` was lost, if it is bytes of the disk.
    private func note(_ memory: UnsafeMutableRawBufferPointer, _ error: ImageError, _ losses: Losses) {
        guard let chunk, let start = unsafe data.baseAddress, let address = memory.baseAddress,
            unsafe address >= start, unsafe address < start + data.count
        else { return }
        let position = UInt64(unsafe address - start)
        losses.add(at: chunk.offset.bytes + position, length: UInt64(memory.count), error)
    }
}
