import V2VConvert

/// The value of `-o`: `name=value` pairs, separated by commas, as `qemu-img` takes them.
struct OutputOptions {
    private var values: [String: String] = [:]

    init(_ texts: [String]) {
        for pair in texts.flatMap({ $0.split(separator: ",") }) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // As with QEMU, a name alone switches it on.
            values[String(parts[0])] = parts.count > 1 ? String(parts[1]) : "on"
        }
    }

    /// Adds an option that has a flag of its own, if it was given.
    mutating func add(_ name: String, _ value: String?, option: String) throws(ImageError) {
        guard let value else { return }
        guard values.updateValue(value, forKey: name) == nil else {
            throw ImageError(.invalidOption, "\(option) and -o \(name) say the same", advice: "leave out one of them")
        }
    }

    /// Takes the option `size` out, if it was given.
    mutating func takeSize() throws(ImageError) -> Int? {
        guard let value = values.removeValue(forKey: "size") else { return nil }
        return try size(value, "size")
    }

    /// The format called `name`, by default that of `target`'s extension, with these options.
    func format(_ name: String?, of target: DiskImageTarget) throws(ImageError) -> TargetFormat {
        if let name { return try format(ImageFormat(named: name)) }
        return try format(try target.formatOfExtension())
    }

    /// The target format called `name` with these options.
    func format(_ name: ImageFormat) throws(ImageError) -> TargetFormat {
        var rest = values
        // Hints to the filesystem, which scripts for qemu-img give; the output is written in large pieces anyway.
        for hint in ["extent_size_hint", "nocow"] { rest[hint] = nil }
        let format: TargetFormat
        switch name {
        case .raw: format = .raw(try raw(&rest))
        case .qcow2: format = .qcow2(try qcow2(&rest))
        case .vmdk: format = .vmdk(try vmdk(&rest))
        case .vpc: format = .vhd(try vhd(&rest))
        case .vhdx: format = .vhdx(try vhdx(&rest))
        default:
            throw ImageError(
                .invalidOption, "the output format \"\(name.rawValue)\" can't be written",
                advice: "qcow2, vmdk, vpc, vhdx and raw can")
        }
        if let unknown = rest.keys.min() {
            throw ImageError(
                .invalidOption, "\(name.rawValue) output has no option \"\(unknown)\"",
                advice: "v2v-convert --help lists them")
        }
        return format
    }

    private func raw(_ rest: inout [String: String]) throws(ImageError) -> RawOptions {
        var options = RawOptions()
        if let value = rest.removeValue(forKey: "preallocation") {
            options.preallocation = try choice(value, "preallocation")
        }
        return options
    }

    private func vmdk(_ rest: inout [String: String]) throws(ImageError) -> VMDKOptions {
        var options = VMDKOptions()
        if let value = rest.removeValue(forKey: "subformat") {
            options.subformat = try choice(value, "subformat")
        }
        if let value = rest.removeValue(forKey: "adapter_type") {
            options.adapterType = try choice(value, "adapter_type") as VMDKOptions.AdapterType
        }
        if let value = rest.removeValue(forKey: "hwversion") {
            guard let version = UInt16(value), version > 0 else {
                throw ImageError(.invalidOption, "hwversion is no number from 1: \"\(value)\"")
            }
            options.hardwareVersion = Int(version)
        }
        if let value = rest.removeValue(forKey: "compat6"), try flag(value, "compat6") { options.hardwareVersion = 6 }
        if let value = rest.removeValue(forKey: "zeroed_grain") {
            options.allowsZeroedGrains = try flag(value, "zeroed_grain")
        }
        return options
    }

    func flag(_ value: String, _ name: String) throws(ImageError) -> Bool {
        switch value {
        case "on", "yes", "true", "y": return true
        case "off", "no", "false", "n": return false
        default: throw ImageError(.invalidOption, "\(name) is on or off, not \"\(value)\"")
        }
    }

    func size(_ value: String, _ name: String) throws(ImageError) -> Int {
        guard let size = Size(argument: value) else {
            throw ImageError(.invalidOption, "\(name) is no size: \"\(value)\"")
        }
        return size.bytes
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ value: String, _ name: String
    ) throws(ImageError) -> Choice {
        guard let choice = Choice(rawValue: value) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ImageError(.invalidOption, "\(name) is one of \(choices), not \"\(value)\"")
        }
        return choice
    }
}
