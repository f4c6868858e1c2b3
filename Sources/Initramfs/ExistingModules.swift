/// The modules that an initramfs has.
struct ExistingModules {
    /// Relative to their directory.
    private var paths: [ModuleName: String] = [:]

    init(_ layout: InitramfsLayout, directory: String) {
        for path in layout.files(below: directory) where ModuleName.isFile(path) { paths[ModuleName(path)] = path }
    }

    func path(of module: ModuleName) -> String? { paths[module] }

    /// Those that are elsewhere than the index has them, by their paths in it.
    func moved(from index: ModuleIndex) -> [(indexed: String, actual: String)] {
        paths.compactMap { name, path in
            guard let indexed = index.files[name], indexed != path else { return nil }
            return (indexed, path)
        }
        .sorted { $0 < $1 }
    }
}
