/// A rule: which guests it is for, and what is done to them. Written in YAML; docs/manifests.md describes the schema.
package struct Manifest: Equatable, Sendable {
    /// The version of the schema that is understood.
    static let schema = 1

    /// What it is called. Of two with the same name the later one replaces the earlier.
    package var name: String
    /// One sentence for people.
    package var summary: String
    /// Rules are applied from the lowest number to the highest, and by name where that is the same.
    package var order = 500
    /// Whether what it can't do is no problem: the guest boots and has its network without.
    package var isOptional = false
    package var match = GuestMatch()
    package var actions: [FixupAction] = []
}

/// Which guests a rule is for: those that fulfil every condition. A condition that is empty is fulfilled by all.
package struct GuestMatch: Equatable, Sendable {
    /// `ID` or `ID_LIKE` of os-release; one of them.
    package var distributions: [String] = []
    /// Conditions such as `>=9` on `VERSION_ID`; all of them.
    package var versions: [VersionCondition] = []
    /// How the guest is booted: `bios` or `uefi`; nil for both.
    package var firmware: String?
    /// Tools of hypervisors, or that build initramfs files, of which the guest has one, as `inspect` calls them.
    package var tools: [String] = []
    /// Files or directories of which the guest has one.
    package var paths: [String] = []
    /// Files or directories of which the guest has none.
    package var absentPaths: [String] = []
}

/// What a rule can do: a closed vocabulary, so that a rule says what, never how.
package enum FixupAction: Equatable, Sendable {
    /// Every kernel's initramfs gets these modules, as far as the kernel has not built them in.
    case initramfsModules([String])
    /// Names of devices that depend on hardware become `UUID=…`.
    case rewriteDeviceNames
    /// Interfaces keep their names.
    case pinInterfaceNames
    /// Interfaces with these addresses get these names, also in the guest's configuration.
    case renameInterfaces([NameBinding])
    /// A parameter of the kernel gets another value where it has one of those.
    case replaceParameter(String, values: [String], with: String)
    /// A file gets this content; it is made if need be.
    case writeFile(path: String, content: String, permissions: UInt16)
    /// A file that exists gets those of the lines that it lacks, at its end.
    case appendLines(path: String, lines: [String])
    /// In a file that exists, every occurrence of a text becomes another.
    case replaceText(path: String, find: String, with: String)
    /// A variable of a file that shells read gets those of the words that it lacks.
    case addWords(path: String, variable: String, words: [String])
    /// A file or symbolic link goes away.
    case removeFile(path: String)
    /// A service of systemd, or of the init before it, isn't started any more.
    case disableUnit(String)
    /// LVM finds its physical volumes by their identifiers, on whatever device they are.
    case lvmDevicesByIdentifier
}

/// A condition on a version: `<`, `<=`, `==`, `>=` or `>`, and numbers with dots.
package struct VersionCondition: Equatable, Sendable {
    package enum Relation: String, CaseIterable, Sendable {
        // Two characters first: the text is searched in this order.
        case atMost = "<="
        case atLeast = ">="
        case equal = "=="
        case less = "<"
        case greater = ">"
    }

    package var relation: Relation
    package var numbers: [Int]

    init?(_ text: String) {
        guard let relation = Relation.allCases.first(where: { text.hasPrefix($0.rawValue) }) else { return nil }
        let numbers = Self.numbers(String(text.dropFirst(relation.rawValue.count)).trimmed)
        guard let numbers else { return nil }
        self.relation = relation
        self.numbers = numbers
    }

    /// Whether `version` fulfils it; only as many numbers are compared as it has, so 9.4 is `==9`.
    func isFulfilled(by version: String) -> Bool {
        guard var found = Self.numbers(String(version.prefix { $0.isNumber || $0 == "." })) else { return false }
        found += [Int](repeating: 0, count: max(0, numbers.count - found.count))
        let compared = Array(found.prefix(numbers.count))
        let isLess = compared.lexicographicallyPrecedes(numbers)
        return switch relation {
        case .less: isLess
        case .greater: !isLess && compared != numbers
        case .equal: compared == numbers
        case .atMost: isLess || compared == numbers
        case .atLeast: !isLess
        }
    }

    private static func numbers(_ text: String) -> [Int]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        return parts.contains(nil) ? nil : parts.compactMap { $0 }
    }
}
