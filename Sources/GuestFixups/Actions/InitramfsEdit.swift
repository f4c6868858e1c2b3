/// A change of a text that an initramfs has: a copy of one of the root's, made when the initramfs was built.
struct InitramfsEdit {
    /// Whether it is for the file at a path, relative to the root of the initramfs.
    let isFor: (_ path: String) -> Bool
    let edit: (_ path: String, _ content: [UInt8]) -> [UInt8]
}
