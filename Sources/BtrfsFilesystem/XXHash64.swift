import ByteLayout

/// The hash function XXH64 with seed 0, by its public specification.
enum XXHash64 {
    private static let primes: [UInt64] = [
        0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
        0x27D4_EB2F_1656_67C5,
    ]

    static func of(_ bytes: [UInt8]) -> UInt64 {
        let prime = primes
        var position = 0
        var hash = prime[4]
        if bytes.count >= 32 {
            var lanes = [prime[0] &+ prime[1], prime[1], 0, 0 &- prime[0]]
            while bytes.count - position >= 32 {
                for lane in 0..<4 {
                    lanes[lane] = round(lanes[lane], bytes.littleEndian(UInt64.self, at: position + lane * 8))
                }
                position += 32
            }
            hash = zip(lanes, [1, 7, 12, 18]).reduce(0) { $0 &+ rotated($1.0, $1.1) }
            for lane in lanes { hash = (hash ^ round(0, lane)) &* prime[0] &+ prime[3] }
        }
        hash &+= UInt64(bytes.count)
        while bytes.count - position >= 8 {
            hash ^= round(0, bytes.littleEndian(UInt64.self, at: position))
            hash = rotated(hash, 27) &* prime[0] &+ prime[3]
            position += 8
        }
        if bytes.count - position >= 4 {
            hash ^= UInt64(bytes.littleEndian(UInt32.self, at: position)) &* prime[0]
            hash = rotated(hash, 23) &* prime[1] &+ prime[2]
            position += 4
        }
        for byte in bytes[position...] { hash = rotated(hash ^ UInt64(byte) &* prime[4], 11) &* prime[0] }
        hash = (hash ^ hash >> 33) &* prime[1]
        hash = (hash ^ hash >> 29) &* prime[2]
        return hash ^ hash >> 32
    }

    private static func round(_ state: UInt64, _ input: UInt64) -> UInt64 {
        rotated(state &+ input &* primes[1], 31) &* primes[0]
    }

    private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
}
