extension Manifest {
    /// The manifest in `text`, whose file is called `file` in errors.
    package init(_ text: String, file: String) throws(ManifestError) {
        let document = try ManifestNode.document(text, file: file)
        let values = try document.mapping(["schema", "name", "summary", "order", "optional", "match", "actions"])
        guard let schema = values["schema"] else { throw document.problem("\"schema\" is missing: write schema: 1") }
        guard try schema.number() == Self.schema else {
            throw schema.problem("only version \(Self.schema) of the schema is known")
        }
        guard let name = values["name"], let summary = values["summary"] else {
            throw document.problem("\"name\" and \"summary\" are needed")
        }
        self.name = try name.text()
        self.summary = try summary.text()
        if let order = values["order"] { self.order = try order.number() }
        if let optional = values["optional"] { isOptional = try optional.flag() }
        if let match = values["match"] { self.match = try GuestMatch(match) }
        guard let actions = values["actions"] else { throw document.problem("\"actions\" is missing") }
        for action in actions.sequence() { self.actions.append(try FixupAction(action)) }
    }
}

extension GuestMatch {
    init(_ node: ManifestNode) throws(ManifestError) {
        let values = try node.mapping(["os", "distribution", "version", "firmware", "tool", "has", "lacks"])
        if let os = values["os"], try os.text() != "linux" { throw os.problem("only linux is known") }
        distributions = try values["distribution"]?.texts() ?? []
        for value in values["version"]?.sequence() ?? [] {
            guard let condition = VersionCondition(try value.text()) else {
                throw value.problem("must be like \">=9\" or \"<12.4\"")
            }
            versions.append(condition)
        }
        if let node = values["firmware"] {
            firmware = try node.text()
            guard firmware == "bios" || firmware == "uefi" else { throw node.problem("must be bios or uefi") }
        }
        for value in values["tool"]?.sequence() ?? [] {
            let known = SystemFacts.matchable.map(\.name)
            guard known.contains(try value.text()) else {
                throw value.problem("is not known; known are \(known.joined(separator: ", "))")
            }
            tools.append(try value.text())
        }
        paths = try values["has"]?.paths() ?? []
        absentPaths = try values["lacks"]?.paths() ?? []
    }
}

extension FixupAction {
    /// An action is a mapping with one key, its name; those without parameters are just the name.
    init(_ node: ManifestNode) throws(ManifestError) {
        if let name = try? node.text() {
            guard let action = Self.plain[name] else {
                throw node.problem("there is no action \"\(name)\" without parameters")
            }
            self = action
            return
        }
        let names: Set<String> = [
            "initramfs-modules", "write-file", "append-lines", "replace-text", "add-words", "remove-file",
            "disable-unit", "rename-interfaces", "replace-parameter",
        ]
        let entries = try node.mapping(names)
        guard let (name, value) = entries.first, entries.count == 1 else {
            throw node.problem("must have one key, the action's name")
        }
        switch name {
        case "initramfs-modules": self = .initramfsModules(try value.texts())
        case "remove-file": self = .removeFile(path: try value.path())
        case "disable-unit": self = .disableUnit(try value.text())
        case "rename-interfaces": self = .renameInterfaces(try Self.names(value))
        case "replace-parameter":
            let parts = try value.mapping(["name", "values", "with"])
            guard let name = parts["name"], let values = parts["values"], let text = parts["with"] else {
                throw value.problem("\"name\", \"values\" and \"with\" are needed")
            }
            self = .replaceParameter(try name.text(), values: try values.texts(), with: try text.text())
        default: self = try Self.editing(name, value)
        }
    }

    private static let plain: [String: FixupAction] = [
        "rewrite-device-names": .rewriteDeviceNames, "pin-interface-names": .pinInterfaceNames,
        "lvm-devices-by-identifier": .lvmDevicesByIdentifier,
    ]

    /// New names of interfaces by their addresses.
    private static func names(_ node: ManifestNode) throws(ManifestError) -> [NameBinding] {
        var bindings: [NameBinding] = []
        for (address, value) in try node.entries() {
            guard let binding = NameBinding(address: address, name: try value.text()) else {
                throw value.problem("must be an address and a name, like \"00:50:56:01:02:03\": lan0")
            }
            bindings.append(binding)
        }
        return bindings
    }

    private static func editing(_ name: String, _ node: ManifestNode) throws(ManifestError) -> FixupAction {
        let keys: [String: Set<String>] = [
            "write-file": ["path", "content", "permissions"], "append-lines": ["path", "lines"],
            "replace-text": ["path", "find", "with"], "add-words": ["path", "variable", "words"],
        ]
        let values = try node.mapping(keys[name] ?? [])
        func required(_ key: String) throws(ManifestError) -> ManifestNode {
            guard let value = values[key] else { throw node.problem("\"\(key)\" is missing") }
            return value
        }
        let path = try required("path").path()
        switch name {
        case "write-file":
            var permissions: UInt16 = 0o644
            if let node = values["permissions"] {
                guard let value = UInt16(try node.text(), radix: 8), value <= 0o7777 else {
                    throw node.problem("must be octal, like \"0644\"")
                }
                permissions = value
            }
            return .writeFile(path: path, content: try required("content").text(), permissions: permissions)
        case "append-lines": return .appendLines(path: path, lines: try required("lines").texts())
        case "replace-text":
            let find = try required("find").text()
            guard !find.isEmpty else { throw node.problem("\"find\" is empty") }
            return .replaceText(path: path, find: find, with: try required("with").text())
        default:
            return .addWords(
                path: path, variable: try required("variable").text(), words: try required("words").texts())
        }
    }
}
