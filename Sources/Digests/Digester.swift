import COpenSSL
package import DiskImage

/// A digest in the making.
@safe package final class Digester {
    private let algorithm: ExpectedDigest.Algorithm
    private let context: OpaquePointer

    package init(_ algorithm: ExpectedDigest.Algorithm) {
        self.algorithm = algorithm
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

    package func update(_ bytes: UnsafeRawBufferPointer) {
        // Safe: the buffer is passed with its length.
        unsafe _ = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The digest of what was given; once.
    package func finish() -> ExpectedDigest {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        // Safe: no digest is longer than the buffer.
        unsafe _ = EVP_DigestFinal_ex(context, &digest, &length)
        return ExpectedDigest(algorithm, Array(digest[..<Int(length)]))
    }
}
