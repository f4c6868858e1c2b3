package import GuestDisk

/// What a system calls itself: os-release(5), or what older ones have instead.
package struct OSRelease: Equatable, Sendable {
    /// As `ID`: debian, ubuntu, rhel, …
    package var id: String
    /// What it is like, nearest first (`ID_LIKE`).
    package var like: [String] = []
    /// As `VERSION_ID`: 12, 22.04, 9.4; nil if rolling.
    package var version: String?
    /// As `PRETTY_NAME`, for people.
    package var name: String

    /// The facts of the file's `NAME=value` lines; nil if there is no ID.
    init?(osRelease text: String) {
        let values = ShellAssignments(text).values
        guard let id = values["ID"], !id.isEmpty else { return nil }
        self.id = id
        like = (values["ID_LIKE"] ?? "").split(separator: " ").map(String.init)
        version = values["VERSION_ID"]
        name = values["PRETTY_NAME"] ?? [values["NAME"] ?? id, version ?? ""].joined(separator: " ")
    }

    /// The one line of `/etc/redhat-release` and its kin: "CentOS release 6.10 (Final)".
    init?(redHatRelease line: String) {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first?.lowercased() else { return nil }
        let known = ["centos": "centos", "red": "rhel", "fedora": "fedora", "oracle": "ol", "scientific": "scientific"]
        id = known[first] ?? first
        like = id == "rhel" ? [] : ["rhel", "fedora"]
        version = words.drop { $0 != "release" }.dropFirst().first
        name = line.trimmed
    }

    /// The lines of `/etc/SuSE-release`: "SUSE Linux Enterprise Server 11 (x86_64)", "VERSION = 11", "PATCHLEVEL = 4".
    init?(suseRelease text: String) {
        guard let line = text.split(separator: "\n").first.map(String.init) else { return nil }
        id = line.hasPrefix("openSUSE") ? "opensuse" : "sles"
        like = ["suse"]
        let values = ShellAssignments(text).values
        version = [values["VERSION"], values["PATCHLEVEL"]].compactMap { $0 }.joined(separator: ".")
        name = line.trimmed
    }

    /// The one line of `/etc/debian_version`: "6.0.10".
    init(debianVersion line: String) {
        id = "debian"
        version = line.trimmed
        name = "Debian GNU/Linux \(line.trimmed)"
    }

    /// What `tree` is; nil if nothing tells.
    package static func read(_ tree: GuestTree) throws(GuestError) -> OSRelease? {
        for path in ["/etc/os-release", "/usr/lib/os-release"] {
            if let release = try tree.text(path).flatMap(OSRelease.init(osRelease:)) { return release }
        }
        if let release = try tree.text("/etc/SuSE-release").flatMap(OSRelease.init(suseRelease:)) { return release }
        for path in ["/etc/redhat-release", "/etc/centos-release", "/etc/oracle-release", "/etc/system-release"] {
            if let release = try tree.text(path).flatMap(OSRelease.init(redHatRelease:)) { return release }
        }
        return try tree.text("/etc/debian_version").map(OSRelease.init(debianVersion:))
    }

    /// Whether it is `id`, or like it.
    package func isLike(_ id: String) -> Bool { self.id == id || like.contains(id) }
}
