public import SystemPackage

/// What went wrong, where, and what to do about it.
public struct ImageError: Error, Sendable {
    /// The kind of failure. Stable: scripts see the raw value in JSON and each has its exit status.
    public enum Code: String, Sendable, CaseIterable {
        /// The input can't be opened or read.
        case inputUnreadable = "input-unreadable"
        /// The input isn't in a format that is known, or not in the one it was said to be in.
        case inputFormat = "input-format"
        /// The input contradicts itself or ends too early.
        case inputDamaged = "input-damaged"
        /// The input is valid but needs a feature that is not supported.
        case inputUnsupported = "input-unsupported"
        /// Another process holds the input for writing.
        case inputInUse = "input-in-use"
        /// An option has no meaning or no allowed value.
        case invalidOption = "invalid-option"
        /// The output exists, or is the input.
        case outputExists = "output-exists"
        /// The output can't be created, written or completed.
        case outputFailed = "output-failed"
        /// There is no room for the output.
        case outputNoSpace = "output-no-space"
        /// Another process holds the output.
        case outputInUse = "output-in-use"
        /// io_uring was demanded, but the system refuses it.
        case ringRefused = "io-uring-refused"
        /// The conversion was cancelled.
        case cancelled = "cancelled"
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong, as a sentence without the file's name.
    public let message: String
    /// What can be done, if anything.
    public let advice: String?
    /// The file concerned.
    public let path: String?
    /// Where in the file, in bytes.
    public let offset: UInt64?
    /// What the system said.
    public let errno: Errno?

    /// An error of kind `code`, described by `message`.
    public init(
        _ code: Code, _ message: String, advice: String? = nil, path: String? = nil, offset: UInt64? = nil,
        errno: Errno? = nil
    ) {
        self.code = code
        self.message = message
        self.advice = advice
        self.path = path
        self.offset = offset
        self.errno = errno
    }
}

extension ImageError: CustomStringConvertible {
    /// One line: file, what, where, why, what to do.
    public var description: String {
        var text = ""
        if let path { text += "\(path): " }
        text += message
        if let offset { text += " (at byte \(offset))" }
        if let errno { text += ": \(errno)" }
        if let advice { text += "; \(advice)" }
        return text
    }
}
