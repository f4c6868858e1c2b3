import DiskImage

/// The memory and the state of one chunk in flight.
@safe struct Slot {
    /// The bytes of the virtual disk; a chunk long, registered with the ring.
    let data: UnsafeMutableRawBufferPointer
    /// What compressed extents are read into.
    let staging: UnsafeMutableRawBufferPointer
    /// Compressed output.
    let encoded: UnsafeMutableRawBufferPointer

    var chunk: Chunk?
    /// The transfers of the current step; a completion names one by its index.
    var transfers: [Transfer] = []
    /// Transfers that have not ended.
    var pending = 0
    /// Where each compressed extent's stored bytes are in ``staging``, in the order of the extents; later, where each of
    /// ``written`` is read back to.
    var stagedRanges: [Range<Int>] = []
    var encodedChunk: EncodedChunk?
    /// What must be on the device after writing, if it is to be read back.
    var written: [Transfer] = []
    var phase = Phase.reading

    /// What the transfers are for.
    enum Phase {
        case reading, writing, readingBack
    }

    /// Compressed input can be longer than what it inflates to: 2 × and 1 KiB a unit are allowed, and the smallest unit
    /// has 512 bytes.
    static let stagingLength = 5 * ConversionSettings.chunkSize
    /// A chunk, a sector more for every VMDK grain of 64 KiB in it, and room to bring it into line with direct transfers.
    static let encodedLength = ConversionSettings.chunkSize + (64 << 10)
    static let length = ConversionSettings.chunkSize + stagingLength + encodedLength
}

/// A transfer that may need several requests: the system may do less than it was asked to.
@safe struct Transfer {
    enum Endpoint {
        /// A file of the source.
        case source(Int)
        case output(any OutputEndpoint)
        /// Of the output, what was written.
        case readBack(OutputFile)
    }

    var endpoint: Endpoint
    var offset: UInt64
    var memory: UnsafeMutableRawBufferPointer
    var isRegistered: Bool
    /// Bytes at the end that need not come: what fills an aligned request may lie behind the end of the file.
    var spare = 0
    /// Whether the current request bypasses the page cache.
    var isDirect = false
    /// Failed attempts.
    var failures = 0

    /// Requests of a source that failed are repeated this often: network filesystems and tired disks recover.
    static let maximumFailures = 3
}
