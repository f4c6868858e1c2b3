import GuestDisk

/// Gives a parameter of the kernel's command line another value, wherever it is written.
struct KernelParameters {
    let editor: GuestEditor

    func replace(_ parameter: String, _ values: [String], with value: String, reason: String) throws(GuestError) {
        for path in try CommandLineFiles.paths(in: editor.tree) {
            guard let bytes = try editor.tree.configuration(path) else { continue }
            let edited = TextEdit.mapParameters(bytes, [parameter]) { values.contains($1) ? value : nil }
            try CommandLineFiles.replace(path, bytes, with: edited, reason: reason, editor)
        }
    }
}
