import CLibnbd
import Glibc

/// What failed on a connection. A leaf's own type, as `SystemCallError` is.
package struct NBDError: Error, Equatable, Sendable {
    /// What happened, in libnbd's words.
    package var message: String
    /// What the server replied or the system said; ENOTCONN if the connection is lost.
    package var errno: Int32

    package init(message: String, errno: Int32) {
        self.message = message
        self.errno = errno
    }

    /// What libnbd says of the last call of this thread, which has failed. It begins with the call's name, which is left out.
    static var last: NBDError {
        let text = unsafe nbd_get_error().map { unsafe String(cString: $0) } ?? "unknown error"
        let words = text.hasPrefix("nbd_") ? text.drop { $0 != " " }.drop { $0 == " " } : text[...]
        let errno = nbd_get_errno()
        return NBDError(message: String(words), errno: errno == 0 ? EIO : errno)
    }
}
