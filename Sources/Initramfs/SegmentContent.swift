import GuestDisk

/// What will be in a segment. Directories are added as needed, only where the initramfs has none: an entry for one that
/// it has as a link would replace the link.
struct SegmentContent {
    private enum Item {
        case directory(String)
        case file(InitramfsFile)
        case link(String, target: String)
    }

    private let layout: InitramfsLayout
    private var items: [Item] = []
    private var paths: Set<String> = []
    /// Bytes that may still be added.
    private var left: Int

    init(layout: InitramfsLayout, limit: Int) {
        self.layout = layout
        left = limit
    }

    var isEmpty: Bool { items.isEmpty }

    /// Whether a file of this path, without links, has been added.
    func contains(_ path: String) -> Bool {
        paths.contains(path)
    }

    mutating func add(_ file: InitramfsFile) throws(GuestError) {
        guard let path = try place(file.path) else { return }
        guard file.content.count <= left else {
            throw GuestError(.unsupported, "what the initramfs needs is too large: \(file.path)")
        }
        left -= file.content.count
        items.append(.file(InitramfsFile(path: path, permissions: file.permissions, content: file.content)))
    }

    mutating func add(link path: String, to target: String) throws(GuestError) {
        guard let path = try place(path), !layout.contains(path) else { return }
        items.append(.link(path, target: target))
    }

    /// Where a file can be put, after the directories that it needs; nil if it has been added.
    private mutating func place(_ path: String) throws(GuestError) -> String? {
        guard let name = path.split(separator: "/").last, name != "..", path.utf8.count < 2048,
            let directory = layout.resolve(path.parent)
        else { throw GuestError(.damaged, "nothing can be put at \(path) in the initramfs") }
        let place = directory.isEmpty ? String(name) : "\(directory)/\(name)"
        guard place.utf8.count < CPIO.maximumPath, !layout.isDirectory(place), layout.resolve(place) == place else {
            throw GuestError(.unsupported, "the initramfs has a directory or a link at \(path)")
        }
        guard paths.insert(place).inserted else { return nil }
        try addDirectories(directory)
        return place
    }

    private mutating func addDirectories(_ directory: String) throws(GuestError) {
        guard !directory.isEmpty, !layout.isDirectory(directory) else { return }
        guard !layout.contains(directory) else {
            throw GuestError(.unsupported, "the initramfs has a file at \(directory), where a directory is needed")
        }
        guard paths.insert(directory).inserted else { return }
        try addDirectories(directory.parent)
        items.append(.directory(directory))
    }

    /// The archive, with the marker in front.
    func archive(marker: SegmentMarker?) -> [UInt8] {
        var writer = CPIOWriter()
        if let marker { writer.add(file: SegmentMarker.name, Array(marker.text.utf8)) }
        for item in items {
            switch item {
            case .directory(let path): writer.add(directory: path)
            case .file(let file): writer.add(file: file.path, permissions: file.permissions, file.content)
            case .link(let path, let target): writer.add(symbolicLink: path, to: target)
            }
        }
        writer.finish()
        return writer.bytes
    }
}
