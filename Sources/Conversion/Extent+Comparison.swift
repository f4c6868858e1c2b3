import DiskImage

extension Extent {
    /// Whether two extents, of maps with these files, have the same content as far as both reach, as can be told without
    /// reading it.
    func isSame(as other: Extent, _ files: [ImageFile], _ otherFiles: [ImageFile]) -> Bool {
        // The same bytes may be encrypted for the one and not for the other.
        func isSameFile(_ one: Int, _ two: Int) -> Bool {
            files[one].identity == otherFiles[two].identity && files[one].cipher == nil && otherFiles[two].cipher == nil
        }
        switch (content, other.content) {
        case (.zero, .zero): return true
        case (.data(let one, let offset), .data(let two, let otherOffset)):
            return offset == otherOffset && isSameFile(one, two)
        case (.compressed(let one), .compressed(var two)):
            guard isSameFile(one.file, two.file) else { return false }
            two.file = one.file
            return one == two
        default: return false
        }
    }
}
