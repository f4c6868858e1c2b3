import Glibc
import SystemPackage
import V2VConvert

/// Standard error, where everything goes that is no result, and standard output, where results go.
enum Terminal {
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a line.
    static func error(_ message: String) {
        write(message + "\n")
    }

    /// Writes `text` to standard output, where results go.
    /// - Throws: `outputFailed` if it can't be written: a script must not take a lost report for success.
    static func result(_ text: String) throws(ImageError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // Safe: the buffer is passed with its length.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw ImageError(.outputFailed, "can't write to standard output", errno: Errno(rawValue: errno))
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes `text` as it is.
    static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            // Safe: the buffer is passed with its length. Nothing can be done if standard error is closed.
            unsafe _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }
}
