import GuestDisk

/// A kernel that is installed.
package struct GuestKernel: Equatable {
    /// As `uname -r` prints it, and the directory of its modules is called.
    package var version: String
    /// Nil if only its modules are there: it doesn't boot.
    package var image: String?
    /// Nil if it boots without one.
    package var initramfs: String?
    /// Where its modules are.
    package var modules: String
    /// Its build configuration, nil if that is not there.
    package var configuration: String?

    /// The kernels of `tree`, by version. What the names of their files are depends on who makes the distribution.
    static func all(in tree: GuestTree) throws(GuestError) -> [GuestKernel] {
        // The same directory where /lib is a link to /usr/lib.
        let modules = try tree.isDirectory("/lib/modules") ? "/lib/modules" : "/usr/lib/modules"
        var kernels: [GuestKernel] = []
        for version in try tree.names(in: modules) where try tree.isFile("\(modules)/\(version)/modules.dep") {
            func first(_ paths: [String]) throws(GuestError) -> String? {
                for path in paths where try tree.isFile(path) { return path }
                return nil
            }
            kernels.append(
                GuestKernel(
                    version: version, image: try first(images(version, modules)),
                    initramfs: try first(initramfs(version, modules)), modules: "\(modules)/\(version)",
                    configuration: try first(["/boot/config-\(version)", "\(modules)/\(version)/config"])))
        }
        return kernels
    }

    private static func images(_ version: String, _ modules: String) -> [String] {
        ["vmlinuz", "vmlinux", "kernel", "Image"].map { "/boot/\($0)-\(version)" } + ["\(modules)/\(version)/vmlinuz"]
    }

    /// Debian and Ubuntu; RHEL 6 and later, Fedora; SUSE; RHEL 5; ALT.
    private static func initramfs(_ version: String, _ modules: String) -> [String] {
        [
            "/boot/initrd.img-\(version)", "/boot/initramfs-\(version).img", "/boot/initrd-\(version)",
            "/boot/initrd-\(version).img", "\(modules)/\(version)/initrd", "\(modules)/\(version)/initramfs.img",
        ]
    }
}
