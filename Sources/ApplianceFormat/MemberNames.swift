import DiskImage

/// How files in an archive name each other.
enum MemberNames {
    /// The member that is called `name` by another: relative to the directory of `description`, or from the top of the
    /// archive, or, if there is only one, by its last component.
    static func find(_ name: String, among members: [String: ImageFile], of description: String) -> ImageFile? {
        let name = String(name.map { $0 == "\\" ? "/" : $0 })
        let directory = description.split(separator: "/").dropLast().map { $0 + "/" }.joined()
        if let member = members[(directory + name).normalizedMemberName] ?? members[name.normalizedMemberName] {
            return member
        }
        guard let base = name.split(separator: "/").last else { return nil }
        let candidates = members.filter { $0.key.split(separator: "/").last == base }
        return candidates.count == 1 ? candidates.first?.value : nil
    }
}

extension String {
    /// Whether a member of this name is an OVF; not the resource fork that macOS packs beside it.
    var isOVFName: Bool {
        lowercased().hasSuffix(".ovf") && split(separator: "/").last?.hasPrefix("._") == false
    }
}
