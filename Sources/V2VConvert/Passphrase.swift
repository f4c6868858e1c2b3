import DiskImage

/// A passphrase that is kept in a file.
enum Passphrase {
    /// libcryptsetup takes passphrases of 512 bytes at most.
    private static let maximumLength: UInt64 = 512

    /// The bytes of the file at `path`.
    static func read(_ path: String) throws(ImageError) -> [UInt8] {
        let file = try ImageFile(path: path, lock: false)
        guard file.size <= maximumLength else {
            throw ImageError(
                .invalidOption, "a passphrase has at most \(maximumLength) bytes, but the file has \(file.size)",
                path: path)
        }
        return try file.readPrefix(Int(maximumLength))
    }
}
