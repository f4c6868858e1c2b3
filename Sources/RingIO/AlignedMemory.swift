import Glibc

/// Page-aligned memory that belongs to one worker. Pages take real memory when they are first touched.
@safe package struct AlignedMemory: ~Copyable {
    /// Safe as long as the owner lives: the range is mapped, readable and writable.
    package let bytes: UnsafeMutableRawBufferPointer

    /// - Throws: ``SystemCallError`` if there is no memory left.
    package init(length: Int) throws(SystemCallError) {
        let protection = PROT_READ | PROT_WRITE
        let address = unsafe mmap(nil, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw SystemCallError(attempt: "get \(length) bytes of memory for buffers", errno: errno)
        }
        unsafe bytes = UnsafeMutableRawBufferPointer(start: address, count: length)
    }

    deinit {
        unsafe _ = munmap(bytes.baseAddress, bytes.count)
    }
}
