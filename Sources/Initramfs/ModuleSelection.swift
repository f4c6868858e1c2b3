/// What a list of wanted modules comes to with a certain kernel.
package struct ModuleSelection: Equatable, Sendable {
    /// How the kernel has a module.
    package enum Presence: String, Sendable {
        case builtIn = "built-in"
        /// As a file.
        case found
        case missing
    }

    /// For every wanted module, in the order in which they were wanted.
    package internal(set) var presence: [(name: String, presence: Presence)] = []
    /// The files of the modules and of all that they need, what is needed first; relative to the directory of the
    /// modules.
    package internal(set) var files: [String] = []

    package static func == (left: ModuleSelection, right: ModuleSelection) -> Bool {
        left.files == right.files && left.presence.elementsEqual(right.presence, by: ==)
    }
}

extension ModuleIndex {
    /// The closure of `wanted` under dependencies, soft ones too. Of those, what is missing is left out: they may be of
    /// another configuration.
    package func select(_ wanted: [String]) -> ModuleSelection {
        enum Step {
            case enter(ModuleName), leave(String)
        }
        var selection = ModuleSelection()
        var seen: Set<ModuleName> = []
        for text in wanted {
            let name = ModuleName(text)
            selection.presence.append((text, presence(of: name)))
            var steps = [Step.enter(name)]
            while let step = steps.popLast() {
                switch step {
                case .leave(let file): selection.files.append(file)
                case .enter(let name):
                    guard seen.insert(name).inserted, !builtIn.contains(name) else { continue }
                    guard let file = files[name] else {
                        steps += (aliases[name] ?? []).reversed().map { .enter($0) }
                        continue
                    }
                    // The last one is taken first: what the module itself needs, then its file, then what else should
                    // be there.
                    steps += (softDependencies[name] ?? []).reversed().map { .enter($0) }
                    steps.append(.leave(file))
                    steps += dependencies(of: name).map { .enter($0) }
                }
            }
        }
        return selection
    }

    private func presence(of name: ModuleName) -> ModuleSelection.Presence {
        if builtIn.contains(name) { return .builtIn }
        if files[name] != nil { return .found }
        let targets = aliases[name] ?? []
        if targets.contains(where: builtIn.contains) { return .builtIn }
        return targets.contains { files[$0] != nil } ? .found : .missing
    }
}
