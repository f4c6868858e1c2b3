/// What an initramfs should have.
package struct SegmentRequest {
    /// The version of the kernel that it is for, by which its modules' directory is called.
    package var kernel: String
    package var tree: any ModuleTree
    /// Names of modules.
    package var modules: [String]
    /// Names of modules that nobody misses.
    package var optionalModules: [String]
    /// What else: `.link` files for udev or its rules, hooks.
    package var files: [InitramfsFile]

    package init(
        kernel: String, tree: any ModuleTree, modules: [String] = VirtioModules.required,
        optionalModules: [String] = VirtioModules.optional, files: [InitramfsFile] = []
    ) {
        self.kernel = kernel
        self.tree = tree
        self.modules = modules
        self.optionalModules = optionalModules
        self.files = files
    }
}
