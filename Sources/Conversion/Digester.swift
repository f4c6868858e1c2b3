import Crypto
import DiskImage

/// A digest in the making.
struct Digester {
    private var function: any HashFunction

    init(_ algorithm: ExpectedDigest.Algorithm) {
        function =
            switch algorithm {
            case .sha1: Insecure.SHA1()
            case .sha256: SHA256()
            case .sha512: SHA512()
            }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        unsafe function.update(bufferPointer: bytes)
    }

    func finish() -> [UInt8] { function.digestBytes }
}

extension HashFunction {
    fileprivate var digestBytes: [UInt8] { Array(finalize()) }
}
