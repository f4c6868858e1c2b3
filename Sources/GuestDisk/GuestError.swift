package import DiskImage

/// What prevents a guest, or a part of it, from being read or changed.
package struct GuestError: Error, Equatable {
    /// The kind of problem. Stable: reports and JSON have the raw value.
    package enum Code: String, Sendable {
        /// A structure contradicts itself or the device it is on.
        case damaged
        /// Sound, as far as can be seen, but of a kind that can't be handled.
        case unsupported
        /// Was not unmounted: changes that are only in its journal have not been applied, and can't be.
        case unclean
        /// There is no such file.
        case notFound = "not-found"
        /// There is no room for what would be written.
        case noSpace = "no-space"
        /// The disk below can't be read, or the changes can't be kept.
        case disk
    }

    package let code: Code
    /// What is wrong and where, as a sentence.
    package let message: String
    /// The image that can't be read, if that is the reason.
    package let cause: ImageError?

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
        cause = nil
    }

    /// The disk below can't be read, or the changes can't be kept.
    package init(_ error: ImageError) {
        code = .disk
        message = error.description
        cause = error
    }

    /// Throws it again if it is of the disk below: that is no property of the guest, and whatever is concluded from what can be
    /// read may be wrong.
    package func requireReadable() throws(GuestError) {
        if code == .disk { throw self }
    }

    package static func == (_ a: GuestError, _ b: GuestError) -> Bool { a.code == b.code && a.message == b.message }
}

extension GuestError: CustomStringConvertible {
    package var description: String { message }
}
