import GuestDisk

/// A file of the Boot Loader Specification (UAPI.1) that names a kernel and what it is started with.
struct BootEntry: Equatable {
    /// The version that it tells; nil if it doesn't.
    var version: String?
    /// Where the kernel is in the guest.
    var kernel: String
    /// Where the last of its initramfs files is: those before it are microcode, as a rule.
    var initramfs: String?

    /// Filesystems that loaders read entries from.
    private static let places = ["/boot", "/boot/efi", "/efi"]

    /// The entries of `tree` whose kernels are there.
    static func all(in tree: GuestTree) throws(GuestError) -> [BootEntry] {
        var entries: [BootEntry] = []
        for place in places {
            for path in try tree.files(in: "\(place)/loader/entries", suffix: ".conf") {
                guard let text = try tree.text(path) else { continue }
                if let entry = try BootEntry(text, place: place, tree) { entries.append(entry) }
            }
        }
        return entries
    }

    private init?(_ text: String, place: String, _ tree: GuestTree) throws(GuestError) {
        var values: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(maxSplits: 1, whereSeparator: \.isWhitespace)
            if words.count == 2 { values[words[0]] = words[1] }
        }
        /// Paths are relative to the filesystem that the entry is on; it may be mounted there, or be part of the root.
        func find(_ path: Substring?) throws(GuestError) -> String? {
            guard let path = path?.split(separator: " ").first(where: { $0.hasPrefix("/") }) else { return nil }
            for candidate in [place + path, String(path)] where try tree.isFile(candidate) { return candidate }
            return nil
        }
        guard let kernel = try find(values["linux"]) else { return nil }
        self.kernel = kernel
        initramfs = try find(values["initrd"])
        version = values["version"].map { String($0).trimmed }
    }

    /// Whether it is for the kernel of that version: it says so, or a name on the way to the kernel's file does.
    func isFor(_ version: String) -> Bool {
        if let own = self.version { return own == version }
        return kernel.split(separator: "/").contains { $0 == version || $0.hasSuffix("-\(version)") }
    }
}
