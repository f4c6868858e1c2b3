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
        let machine = (try tree.text("/etc/machine-id") ?? "").trimmed
        let entries = try BootEntry.all(in: tree)
        for version in try tree.names(in: modules) where try tree.isFile("\(modules)/\(version)/modules.dep") {
            func first(_ paths: [String]) throws(GuestError) -> String? {
                for path in paths where try tree.isFile(path) { return path }
                return nil
            }
            let files = "\(modules)/\(version)"
            // What Arch calls the files of a kernel by.
            let package = (try tree.text("\(files)/pkgbase") ?? version).trimmed
            let entry = entries.first { $0.isFor(version) }
            kernels.append(
                GuestKernel(
                    version: version,
                    image: try first(images(version, files, package: package, machine: machine)) ?? entry?.kernel,
                    initramfs: try first(initramfs(version, files, package: package, machine: machine))
                        ?? entry?.initramfs,
                    modules: files,
                    configuration: try first(["/boot/config-\(version)", "\(files)/config"])))
        }
        return kernels
    }

    private static func images(_ version: String, _ modules: String, package: String, machine: String) -> [String] {
        ["vmlinuz", "vmlinux", "kernel", "Image"].map { "/boot/\($0)-\(version)" }
            + ["/boot/vmlinuz-\(package)"] + installed("linux", version, machine) + ["\(modules)/vmlinuz"]
    }

    /// Debian and Ubuntu; RHEL 6 and later, Fedora; SUSE; RHEL 5; Arch; kernel-install.
    private static func initramfs(
        _ version: String, _ modules: String, package: String, machine: String
    ) -> [String] {
        [
            "/boot/initrd.img-\(version)", "/boot/initramfs-\(version).img", "/boot/initrd-\(version)",
            "/boot/initrd-\(version).img", "/boot/initramfs-\(package).img", "\(modules)/initrd",
            "\(modules)/initramfs.img",
        ] + installed("initrd", version, machine)
    }

    /// Where kernel-install(8) puts a file for loaders that read the Boot Loader Specification.
    private static func installed(_ name: String, _ version: String, _ machine: String) -> [String] {
        machine.isEmpty ? [] : ["/boot", "/boot/efi", "/efi"].map { "\($0)/\(machine)/\(version)/\(name)" }
    }
}
