import NBD
package import SystemPackage

extension ImageFile {
    /// Reads exactly `count` bytes of metadata from `offset`.
    /// - Throws: `inputDamaged` if the range isn't inside the file (checked before anything is allocated),
    ///   `inputUnreadable` if the system can't read it.
    package func read(at offset: UInt64, count: Int, what: String) throws(ImageError) -> [UInt8] {
        guard offset <= size, UInt64(count) <= size - offset else {
            throw damaged("the file ends inside the \(what) (\(count) bytes; the file has \(size))", at: offset)
        }
        // Making an empty array this way would write to storage that all empty arrays share.
        guard count > 0 else { return [] }
        var problem: ImageError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(ImageError) {
                // Safe: the buffer is filled whole, or an error is thrown.
                unsafe try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer), what: what)
                filled = count
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// Fills `buffer` from `offset`; the range must be inside the file.
    package func read(
        at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, what: String
    ) throws(ImageError) {
        var filled = 0
        while filled < buffer.count {
            // Safe: the destination is the rest of the buffer.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let got: Int
            do throws(Errno) {
                got = unsafe try readSome(at: offset + UInt64(filled), into: rest)
            } catch {
                throw unreadable(what, at: offset + UInt64(filled), error)
            }
            guard got > 0 else {
                throw damaged("the file became shorter while it was read", at: offset + UInt64(filled))
            }
            filled += got
        }
    }

    /// Reads into the start of `buffer`, which is not empty, from `offset` inside the file.
    /// - Returns: bytes read, 0 only if the file has become shorter.
    package func readSome(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        switch storage {
        case .file(let descriptor):
            do {
                return unsafe try descriptor.read(fromAbsoluteOffset: Int64(base + offset), into: buffer)
            } catch {
                throw error as? Errno ?? .ioError
            }
        case .export(let export):
            do throws(NBDError) {
                return unsafe try export.control.read(at: base + offset, into: buffer)
            } catch {
                throw Errno(rawValue: error.errno)
            }
        }
    }

    /// The `inputUnreadable` error for `what`, which can't be read.
    package func unreadable(_ what: String, at offset: UInt64, _ errno: Errno) -> ImageError {
        ImageError(
            .inputUnreadable, "can't read the \(what)", advice: errno.adviceAboutConnections, path: path,
            offset: offset, errno: errno)
    }

    /// Reads up to `count` bytes from the start: fewer if the file is shorter.
    package func readPrefix(_ count: Int) throws(ImageError) -> [UInt8] {
        try read(at: 0, count: Int(min(size, UInt64(count))), what: "start of the file")
    }

    /// Reads up to `count` bytes before the end: fewer if the file is shorter.
    package func readSuffix(_ count: Int) throws(ImageError) -> [UInt8] {
        let length = min(size, UInt64(count))
        return try read(at: size - length, count: Int(length), what: "end of the file")
    }

    /// An `inputDamaged` error about this file.
    package func damaged(_ message: String, at offset: UInt64? = nil, advice: String? = nil) -> ImageError {
        ImageError(.inputDamaged, message, advice: advice, path: path, offset: offset)
    }

    /// An `inputUnsupported` error about this file.
    package func unsupported(_ message: String, at offset: UInt64? = nil, advice: String? = nil) -> ImageError {
        ImageError(.inputUnsupported, message, advice: advice, path: path, offset: offset)
    }
}
