/// What the bytes of a file must hash to, according to someone who saw the original.
package struct ExpectedDigest: Equatable, Sendable {
    /// The functions that manifests use, under the names that they have there.
    package enum Algorithm: String, CaseIterable, Sendable {
        case sha1 = "SHA1"
        case sha256 = "SHA256"
        case sha512 = "SHA512"

        /// Bytes of a digest.
        package var length: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            case .sha512: 64
            }
        }
    }

    package let algorithm: Algorithm
    package let bytes: [UInt8]

    package init(_ algorithm: Algorithm, _ bytes: [UInt8]) {
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// The error for a file that has another digest.
    package func mismatch(path: String) -> ImageError {
        ImageError(
            .inputDamaged, "the file does not have the \(algorithm.rawValue) digest that the manifest says",
            advice: "copy it again; --ignore-manifest converts it as it is", path: path)
    }
}
