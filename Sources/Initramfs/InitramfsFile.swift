/// A file to be put into an initramfs.
package struct InitramfsFile: Equatable, Sendable {
    /// Relative to the root, as the guest sees it: links in the initramfs are followed.
    package var path: String
    /// The lower 12 bits of the mode.
    package var permissions: UInt32
    package var content: [UInt8]

    package init(path: String, permissions: UInt32 = 0o644, content: [UInt8]) {
        self.path = path
        self.permissions = permissions
        self.content = content
    }
}
