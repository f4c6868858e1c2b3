/// A system call that failed. A leaf's own type: swift-system's `Errno` can't be used beside liburing, because its C
/// module declares io_uring's structures too, from the kernel's headers, which differ from liburing's.
package struct SystemCallError: Error, Equatable, Sendable {
    /// What was attempted, as in "create an eventfd".
    package var attempt: String
    package var errno: Int32
}
