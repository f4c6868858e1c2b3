import COpenSSL
package import DiskImage

/// AES over sectors of 512 bytes whose initialization vector is the sector's number (dm-crypt's `plain64`): the cipher of
/// LUKS, in the modes that QEMU makes.
package struct AESSectorCipher: SectorCipher {
    /// How the blocks of a sector depend on each other.
    package enum Mode: String, Sendable {
        case xts, cbc
    }

    private let mode: Mode
    private let key: [UInt8]

    /// - Parameter key: 32 or 64 bytes for XTS, which has two keys; 16 or 32 for CBC.
    /// - Returns: nil if there is no such AES.
    package init?(_ mode: Mode, key: [UInt8]) {
        self.mode = mode
        self.key = key
        guard unsafe function != nil else { return nil }
    }

    private var function: OpaquePointer? {
        switch (mode, key.count) {
        case (.xts, 32): unsafe EVP_aes_128_xts()
        case (.xts, 64): unsafe EVP_aes_256_xts()
        case (.cbc, 16): unsafe EVP_aes_128_cbc()
        case (.cbc, 32): unsafe EVP_aes_256_cbc()
        default: nil
        }
    }

    package func decrypt(_ sectors: UnsafeMutableRawBufferPointer, at offset: HostOffset) {
        precondition(sectors.count % cipherSectorSize == 0, "an encrypted sector has been cut")
        guard let context = unsafe EVP_CIPHER_CTX_new(),
            unsafe EVP_DecryptInit_ex(context, function, nil, key, nil) == 1
        else { preconditionFailure("libcrypto has no AES, or there is no memory") }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        unsafe EVP_CIPHER_CTX_set_padding(context, 0)
        var vector = [UInt8](repeating: 0, count: 16)
        for start in stride(from: 0, to: sectors.count, by: cipherSectorSize) {
            let number = (offset.bytes + UInt64(start)) / UInt64(cipherSectorSize)
            for byte in 0..<8 { vector[byte] = UInt8(truncatingIfNeeded: number >> UInt64(8 * byte)) }
            let sector = unsafe sectors.baseAddress?.advanced(by: start).assumingMemoryBound(to: UInt8.self)
            var length: Int32 = 0
            // Safe: a whole sector inside the buffer; without padding the result has its length.
            guard unsafe EVP_DecryptInit_ex(context, nil, nil, nil, vector) == 1,
                unsafe EVP_DecryptUpdate(context, sector, &length, sector, Int32(cipherSectorSize)) == 1
            else { preconditionFailure("libcrypto can't decrypt a sector") }
        }
    }
}
