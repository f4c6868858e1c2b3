import ByteLayout
import CCryptsetup
package import DiskImage
import SystemPackage

/// A LUKS1 header with its key slots, as qcow2 images have it.
package struct LUKSHeader {
    private let image: ImageFile
    private let range: Range<UInt64>

    /// The largest that is read: eight slots of 4000 stripes of a key of 64 bytes need 2 MiB.
    private static let maximumLength: UInt64 = 16 << 20
    /// The most iterations of all key slots together: a minute or two of processor time. Programs choose a few million, for a
    /// second or two.
    private static let maximumIterations: UInt64 = 200_000_000

    /// - Parameter range: where the header is in `image`, in bytes.
    /// - Throws: `inputDamaged` if it is not there.
    package init(in image: ImageFile, at range: Range<UInt64>) throws(ImageError) {
        guard range.upperBound <= image.size, UInt64(range.count) <= Self.maximumLength else {
            throw image.damaged("the LUKS header is not inside the file", at: range.lowerBound)
        }
        self.image = image
        self.range = range
    }

    /// The cipher that decrypts what the image holds.
    /// - Parameter passphrase: as it was given to whoever encrypted the image; of one that ends in a line feed, as files
    ///   made with an editor do, also without it.
    /// - Throws: `inputUnreadable` if no slot opens with it, `inputUnsupported`, `inputDamaged`.
    package func unlock(passphrase: [UInt8]) throws(ImageError) -> AESSectorCipher {
        // libcryptsetup reads files.
        let bytes = try image.read(at: range.lowerBound, count: range.count, what: "LUKS header")
        try requireFewIterations(bytes)
        let header = try ImageFile(bytes: bytes, path: image.path)
        var device: OpaquePointer?
        guard case .file(let descriptor) = header.storage,
            unsafe crypt_init(&device, "/proc/self/fd/\(descriptor.rawValue)") == 0
        else {
            throw image.unsupported("libcryptsetup can't be used here", at: range.lowerBound)
        }
        defer { unsafe crypt_free(device) }
        guard unsafe crypt_load(device, shim_crypt_luks1, nil) == 0 else {
            throw image.damaged("the LUKS header is damaged, or needs what libcryptsetup lacks", at: range.lowerBound)
        }
        let name = unsafe String(cString: crypt_get_cipher(device))
        let mode = unsafe String(cString: crypt_get_cipher_mode(device))
        var key = unsafe [UInt8](repeating: 0, count: Int(crypt_get_volume_key_size(device)))
        guard name == "aes", mode.hasSuffix("-plain64"),
            let cipherMode = AESSectorCipher.Mode(rawValue: String(mode.dropLast(8))),
            AESSectorCipher(cipherMode, key: key) != nil
        else {
            throw image.unsupported(
                "the image is encrypted with \(name)-\(mode), of which only AES with XTS or CBC and plain64 is known",
                at: range.lowerBound)
        }
        guard
            unsafe Self.unlock(device, passphrase, &key)
                || passphrase.last == 10 && Self.unlock(device, passphrase.dropLast(), &key),
            let cipher = AESSectorCipher(cipherMode, key: key)
        else {
            throw ImageError(
                .inputUnreadable, "the passphrase opens none of the image's key slots",
                advice: "name the file with the right one with --passphrase-file", path: image.path)
        }
        return cipher
    }

    /// Throws if trying the key slots would take forever. LUKS1 has eight of 48 bytes from byte 208: the mark of an active
    /// one, its iterations; the digest that tells whether its key is right has some as well.
    private func requireFewIterations(_ header: [UInt8]) throws(ImageError) {
        guard header.count >= 592 else { throw image.damaged("the LUKS header is too short", at: range.lowerBound) }
        var iterations = UInt64(header.bigEndian(UInt32.self, at: 164))
        for slot in stride(from: 208, to: 592, by: 48) where header.bigEndian(UInt32.self, at: slot) == 0x00AC_71F3 {
            iterations += UInt64(header.bigEndian(UInt32.self, at: slot + 4))
        }
        guard iterations <= Self.maximumIterations else {
            throw image.unsupported(
                "to open the LUKS header takes \(iterations) iterations, which is forever", at: range.lowerBound,
                advice: "add a key slot with fewer: cryptsetup luksChangeKey --iter-time")
        }
    }

    private static func unlock(
        _ device: OpaquePointer?, _ passphrase: some Collection<UInt8>, _ key: inout [UInt8]
    ) -> Bool {
        let characters = passphrase.map { CChar(bitPattern: $0) }
        var length = key.count
        return unsafe key.withUnsafeMutableBytes { buffer in
            // Safe: both are passed with their lengths.
            unsafe crypt_volume_key_get(
                device, CRYPT_ANY_SLOT, buffer.baseAddress, &length, characters, characters.count) >= 0
        }
    }
}
