import Glibc

/// Standard error, where everything goes that is no result.
enum Terminal {
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a line.
    static func error(_ message: String) {
        write(message + "\n")
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
