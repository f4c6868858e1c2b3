import COpenSSL
import DiskImage

/// A digest in the making.
@safe final class Digester {
    private let context: OpaquePointer

    init(_ algorithm: ExpectedDigest.Algorithm) {
        let function =
            switch algorithm {
            case .sha1: unsafe EVP_sha1()
            case .sha256: unsafe EVP_sha256()
            case .sha512: unsafe EVP_sha512()
            }
        guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, function, nil) == 1 else {
            preconditionFailure("libcrypto has no \(algorithm), or there is no memory")
        }
        unsafe self.context = context
    }

    deinit {
        unsafe EVP_MD_CTX_free(context)
    }

    func update(_ bytes: UnsafeRawBufferPointer) {
        // Safe: the buffer is passed with its length.
        unsafe _ = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The digest of what was given; once.
    func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        // Safe: no digest is longer than the buffer.
        unsafe _ = EVP_DigestFinal_ex(context, &digest, &length)
        return Array(digest[..<Int(length)])
    }
}
