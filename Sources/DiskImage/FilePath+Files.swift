import Glibc
package import SystemPackage

extension FilePath {
    /// The path that consists of `bytes`, which need not be text in any encoding; NUL ends it.
    init(bytes: [UInt8]) {
        let characters = bytes.map { CChar(bitPattern: $0) } + [0]
        // Safe: the array ends with NUL.
        self = unsafe characters.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return FilePath() }
            return unsafe FilePath(platformString: start)
        }
    }

    /// Whether the path leads to a file.
    var exists: Bool { unsafe withPlatformString { unsafe access($0, F_OK) == 0 } }

    /// The path with every link resolved, or nil if it leads nowhere.
    package var resolved: FilePath? {
        guard let resolved = unsafe withPlatformString({ unsafe realpath($0, nil) }) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe FilePath(platformString: resolved)
    }

    /// The path with the separators of Windows made into ours.
    var replacingBackslashes: FilePath {
        let bytes = unsafe withPlatformString { start in
            (0..<length).map { UInt8(bitPattern: unsafe start[$0]) }
        }
        return FilePath(bytes: bytes.map { $0 == UInt8(ascii: "\\") ? UInt8(ascii: "/") : $0 })
    }
}
