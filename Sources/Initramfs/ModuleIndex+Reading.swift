package import GuestDisk

extension ModuleIndex {
    /// Bytes of an index. The largest, `modules.alias`, has 1.3 MB for Debian's 4,000 modules.
    static let maximumLength = 16 << 20

    /// Reads the indexes of the kernel whose version is `kernel`; those that are missing count as empty.
    package init(_ tree: any ModuleTree, kernel: String) throws(GuestError) {
        func text(_ name: String) throws(GuestError) -> String {
            String(decoding: try tree.content(of: name, limit: Self.maximumLength) ?? [], as: UTF8.self)
        }
        self.init()
        addDependencies(try text("modules.dep"), kernel: kernel)
        addBuiltIn(try text("modules.builtin"))
        addSoftDependencies(try text("modules.softdep"))
        addAliases(try text("modules.alias"))
    }
}
