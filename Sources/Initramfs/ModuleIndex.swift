/// Which modules a kernel has, built in or as files, and what they need: by the text files that depmod(8) and the
/// kernel's build leave beside them.
package struct ModuleIndex: Sendable {
    /// Paths relative to the directory of the modules.
    private(set) var files: [ModuleName: String] = [:]
    /// The paths of what must be loaded before, all of it, as the line of `modules.dep` has them.
    private var dependencyLines: [ModuleName: Substring] = [:]
    /// What should be there as well, before or after: `softdep` of modprobe.d(5).
    private(set) var softDependencies: [ModuleName: [ModuleName]] = [:]
    /// Names that stand for modules. Patterns, which match devices, are left out: nothing depends on them.
    private(set) var aliases: [ModuleName: [ModuleName]] = [:]
    private(set) var builtIn: Set<ModuleName> = []

    /// Nothing but what is built in.
    package init() {}

    /// Adds the lines of `modules.dep`: `kernel/a.ko: kernel/b.ko kernel/c.ko`. Old ones have
    /// absolute paths.
    /// - Parameter kernel: its version.
    package mutating func addDependencies(_ text: String, kernel: String) {
        let directory = "/lib/modules/\(kernel)/"
        for line in Self.lines(text) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let path = line[..<colon].trimmingPrefix(directory)
            guard Self.isPlain(path) else { continue }
            let name = ModuleName(path)
            files[name] = String(path)
            dependencyLines[name] = line[colon...].dropFirst()
        }
    }

    /// Adds the lines of `modules.builtin`: `kernel/a.ko`.
    package mutating func addBuiltIn(_ text: String) {
        builtIn.formUnion(Self.lines(text).map { ModuleName($0) })
    }

    /// Adds the lines of `modules.softdep`: `softdep a pre: b c post: d`.
    package mutating func addSoftDependencies(_ text: String) {
        for line in Self.lines(text) {
            let words = line.split(separator: " ")
            guard words.count > 2, words[0] == "softdep" else { continue }
            softDependencies[ModuleName(words[1]), default: []] += words.dropFirst(2)
                .filter { !$0.hasSuffix(":") }.map { ModuleName($0) }
        }
    }

    /// Adds the lines of `modules.alias`: `alias crypto-crc32c crc32c_generic`.
    package mutating func addAliases(_ text: String) {
        for line in Self.lines(text) {
            // Nearly all are patterns.
            guard !line.utf8.contains(where: Self.isOfPattern) else { continue }
            let words = line.split(separator: " ")
            guard words.count == 3, words[0] == "alias" else { continue }
            aliases[ModuleName(words[1]), default: []].append(ModuleName(words[2]))
        }
    }

    /// What must be loaded before `module`.
    func dependencies(of module: ModuleName) -> [ModuleName] {
        (dependencyLines[module] ?? "").split(separator: " ").map { ModuleName($0) }
    }

    private static func lines(_ text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: "\n")).map { Substring($0) }
    }

    /// Whether `path` stays below the directory that it is relative to, and can be put into an archive.
    private static func isPlain(_ path: Substring) -> Bool {
        ModuleName.isFile(path) && path.utf8.count < 1024
            && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
                !["", ".", ".."].contains($0)
            }
    }

    private static func isOfPattern(_ byte: UInt8) -> Bool {
        [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: ":")].contains(byte)
    }
}
