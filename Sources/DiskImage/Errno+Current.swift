import Glibc
package import SystemPackage

extension Errno {
    /// What the last failed system call of this thread left in `errno`.
    package static var current: Errno { Errno(rawValue: Glibc.errno) }
}
