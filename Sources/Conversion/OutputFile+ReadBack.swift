import CLinux
import DiskImage
import Glibc
import RingIO
import SystemPackage

extension OutputFile {
    /// Where what was written is read back from, the device: past the page cache, or after that has
    /// been written out and forgotten.
    func readBackTarget(offset: UInt64, length: Int) throws(ImageError) -> (IORequest.Target, isDirect: Bool) {
        let choice = target(offset: offset, length: length)
        if !choice.isDirect {
            try requireWritten(linux_write_out(descriptor.rawValue, off_t(offset), off_t(length)), at: offset)
        }
        return choice
    }

    /// Makes readers get what the device has, of a file that is safely on it.
    func dropCache() {
        _ = linux_drop_cache(descriptor.rawValue)
    }

    /// The error for a byte that is not what it was.
    func misread(at offset: UInt64) -> ImageError {
        ImageError(
            .outputFailed, "what is on the device is not what was written",
            advice: "check the device, and convert again", path: path, offset: offset)
    }
}
