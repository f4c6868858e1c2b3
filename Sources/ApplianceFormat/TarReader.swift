import ByteLayout
import DiskImage

/// Walks through a tar archive: POSIX ustar and pax, and GNU's long names and large sizes.
struct TarReader {
    /// A file in the archive.
    struct Member {
        /// Without `./` in front.
        var name: String
        /// Where its data starts in the archive.
        var offset: UInt64
        /// Bytes of data.
        var size: UInt64
    }

    private let stream: any ByteStream
    /// Where the next header is; the data before it need not have been read.
    private var next: UInt64 = 0
    private var isAtEnd = false

    /// Members are padded to this, and headers take as much.
    private static let blockSize: UInt64 = 512
    /// Longest name or list of attributes in front of a member.
    private static let maximumRecord: UInt64 = 1 << 20

    init(_ stream: any ByteStream) {
        self.stream = stream
    }

    /// The next file, nil behind the last. The stream is then where its data starts.
    mutating func nextFile() throws(ImageError) -> Member? {
        var longName: String?
        var attributes = PaxAttributes()
        while !isAtEnd, let header = try nextHeader() {
            let size = attributes.size ?? header.size
            let start = stream.position
            switch header.type {
            case UInt8(ascii: "L"):
                longName = String(lenient: try record(size).prefix { $0 != 0 })
            case UInt8(ascii: "x"):
                attributes = try pax(try record(size), at: start)
            case UInt8(ascii: "S"):
                throw sparse(start)
            default:
                let name = attributes.name ?? longName ?? header.name
                longName = nil
                let isSparse = attributes.isSparse
                attributes = PaxAttributes()
                next = try end(of: size, from: start)
                guard header.isFile else { continue }
                if isSparse { throw sparse(start) }
                return Member(name: name.normalizedMemberName, offset: start, size: size)
            }
            next = try end(of: size, from: start)
        }
        isAtEnd = true
        return nil
    }

    /// The next header, nil at the end: two blocks of zeros, or no more bytes.
    private mutating func nextHeader() throws(ImageError) -> TarHeader? {
        let distance = next - stream.position
        let data = distance - min(distance, Self.blockSize - 1)
        let skipped = try stream.skip(distance)
        // Some writers leave out the padding behind the last member.
        guard skipped >= data else { throw truncated() }
        guard skipped == distance else { return nil }
        let block = try stream.take(TarHeader.length)
        if block.isEmpty { return nil }
        guard block.count == TarHeader.length else { throw truncated() }
        if ZeroScan.isZero(block) {
            let second = try stream.take(TarHeader.length)
            guard second.allSatisfy({ $0 == 0 }) else {
                throw stream.damaged("there is a block of zeros between the members of the archive", at: next)
            }
            return nil
        }
        do throws(TarHeader.Invalid) {
            return try TarHeader(parsing: block)
        } catch {
            throw stream.damaged(error.message, at: next, advice: "copy the archive again")
        }
    }

    /// The block behind `size` bytes from `start`.
    private func end(of size: UInt64, from start: UInt64) throws(ImageError) -> UInt64 {
        guard size <= UInt64(Int64.max) - start - Self.blockSize else {
            throw stream.damaged("a member of \(size) bytes is impossibly large", at: start)
        }
        return (start + size).alignedUp(to: Self.blockSize)
    }

    private func record(_ size: UInt64) throws(ImageError) -> [UInt8] {
        guard size <= Self.maximumRecord else {
            throw stream.damaged("a name or attribute record of \(size) bytes is impossibly large")
        }
        let bytes = try stream.take(Int(size))
        guard bytes.count == Int(size) else { throw truncated() }
        return bytes
    }

    private func pax(_ bytes: [UInt8], at offset: UInt64) throws(ImageError) -> PaxAttributes {
        guard let attributes = PaxAttributes(parsing: bytes) else {
            throw stream.damaged("the pax attributes of a member make no sense", at: offset)
        }
        return attributes
    }

    private func truncated() -> ImageError {
        stream.damaged("the archive is cut short", advice: "copy it again")
    }

    private func sparse(_ offset: UInt64) -> ImageError {
        ImageError(
            .inputUnsupported, "the archive has a file whose holes were left out", advice: "pack it without -S",
            path: stream.path, offset: offset)
    }
}

extension String {
    /// The name of a member without empty and `.` components, so that spellings of one name are equal.
    var normalizedMemberName: String {
        split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
