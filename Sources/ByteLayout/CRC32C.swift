/// The checksum CRC-32C (Castagnoli's polynomial, as iSCSI has it), of bytes in pieces.
package struct CRC32C {
    private var state: UInt32

    /// - Parameter state: what others begin with in place of all ones (names in btrfs directories).
    package init(state: UInt32 = .max) { self.state = state }

    /// The checksum of `bytes`.
    package static func of(_ bytes: [UInt8]) -> UInt32 {
        var checksum = CRC32C()
        checksum.update(bytes)
        return checksum.value
    }

    package mutating func update(_ bytes: [UInt8]) {
        // Safe: the array's bytes are read during the call only.
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    /// Eight bytes at a step, each through a table of its own: filesystems have a checksum in every block.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var state = state
        unsafe Self.tables.withUnsafeBufferPointer { tables in
            var position = 0
            // Safe: positions are less than `bytes.count`, and indices of tables less than 8 * 256.
            while position &+ 8 <= bytes.count {
                let stored = unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                let word = UInt64(littleEndian: stored) ^ UInt64(state)
                state = unsafe tables[Int(word & 0xFF) | 0x700] ^ tables[Int(word >> 8 & 0xFF) | 0x600]
                state ^= unsafe tables[Int(word >> 16 & 0xFF) | 0x500] ^ tables[Int(word >> 24 & 0xFF) | 0x400]
                state ^= unsafe tables[Int(word >> 32 & 0xFF) | 0x300] ^ tables[Int(word >> 40 & 0xFF) | 0x200]
                state ^= unsafe tables[Int(word >> 48 & 0xFF) | 0x100] ^ tables[Int(word >> 56)]
                position &+= 8
            }
            while position < bytes.count {
                let byte = unsafe bytes[position]
                state = unsafe state >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)]
                position &+= 1
            }
        }
        self.state = state
    }

    package var value: UInt32 { ~state }

    /// What a byte does to the state, if none (first table) to seven (last) bytes of zeros follow it: its eight steps through
    /// the polynomial, lowest bit first, and eight more for each of those.
    private static let tables: [UInt32] = {
        var tables = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { state, _ in state >> 1 ^ (state & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
        for index in 256..<8 * 256 {
            let before = tables[index - 256]
            tables.append(before >> 8 ^ tables[Int(before & 0xFF)])
        }
        return tables
    }()
}
