import Glibc
package import SystemPackage

extension Errno {
    /// What the last failed system call of this thread left in `errno`.
    package static var current: Errno { Errno(rawValue: Glibc.errno) }

    /// What can be done if it tells that a server has gone.
    package var adviceAboutConnections: String? {
        self == .socketNotConnected ? "the server has ended the connection: its messages tell why" : nil
    }
}
