/// The "newc" format of cpio archives:
///
/// ```
/// | header, 110 bytes | name, zero | to 4 | content | to 4 | header … TRAILER!!! |
/// ```
///
/// Offsets are aligned from where the archive begins, which in an initramfs is itself aligned.
package enum CPIO {
    /// `c_magic`, and twelve or thirteen fields of eight digits behind it.
    static let headerLength = 110
    /// Without and with checksums (`c_check`, which the kernel doesn't verify either).
    static let magics: [[UInt8]] = [Array("070701".utf8), Array("070702".utf8)]
    /// The name of the member that ends an archive: what follows has its own inode numbers.
    static let trailer = "TRAILER!!!"
    /// Bytes of a name with its zero, and of a symbolic link's target: Linux's PATH_MAX. Longer ones the kernel skips.
    static let maximumPath = 4096
}
