/// The hash of names, by which directories and lists of attributes are ordered.
enum NameHash {
    static func of(_ name: [UInt8]) -> UInt32 {
        name.reduce(0) { hash, byte in (hash << 7 | hash >> 25) ^ UInt32(byte) }
    }
}
