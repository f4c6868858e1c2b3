import V2VConvert

/// What `inspect` and `fixup` print for people.
enum GuestText {
    static func text(_ guest: GuestDescription) -> String {
        var lines: [String] = []
        for (number, disk) in guest.disks.enumerated() {
            let table = disk.partitionTable.map { ", \($0.uppercased())" } ?? ""
            lines.append("disk \(number + 1): \(Size.text(disk.size))\(table)")
        }
        for volume in guest.volumes {
            let facts = [volume.type ?? "unknown", Size.text(volume.size), volume.label, volume.uuid, volume.problem]
            lines.append("\(volume.name): \(facts.compactMap { $0 }.joined(separator: ", "))")
        }
        for system in guest.systems { lines += text(system) }
        if !guest.systems.isEmpty {
            lines.append(guest.obstacles.isEmpty ? "on KVM nothing is in the way" : "on KVM would be in the way:")
            lines += guest.obstacles.map { "  \($0.message) (fixup \($0.mended ? "mends" : "can't mend") that)" }
        }
        lines += guest.warnings.map { "warning: \($0)" }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func text(_ system: GuestDescription.System) -> [String] {
        let place = system.root + (system.subvolume.map { ", subvolume \($0)" } ?? "")
        let parts = [system.firmware.rawValue, system.bootloader, system.initramfsTool].compactMap { $0 }
        var lines = ["system on \(place): \(system.name ?? "Linux")", "  boots by: \(parts.joined(separator: ", "))"]
        lines += system.kernels.map { "  kernel \($0.version): \($0.initramfs ?? "no initramfs")" }
        lines += system.interfaces.map {
            "  interface \($0.name): \($0.address ?? "address unknown")\($0.pinned ? ", bound by the guest" : "")"
        }
        if !system.tools.isEmpty { lines.append("  tools: \(system.tools.joined(separator: ", "))") }
        return lines
    }

    /// - Parameter isDone: the changes have been made.
    static func text(_ result: FixupResult, isDone: Bool, withDiffs: Bool) -> String {
        var lines = ["\(result.system ?? "no known system"):"]
        for change in result.changes {
            lines.append("  \(change.kind) \(change.path): \(change.reason)\(sizes(change))")
            if withDiffs, let diff = change.diff { lines += diff.split(separator: "\n").map { "    \($0)" } }
        }
        if result.changes.isEmpty {
            lines.append(result.system == nil ? "  nothing is changed" : "  nothing to change")
        }
        lines += result.notes.map { "  \($0.problem ? "problem" : "note"): \($0.message)" }
        if !result.changes.isEmpty {
            lines.append("  \(result.changedBytes) bytes of the disk \(isDone ? "have changed" : "would change")")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func sizes(_ change: FixupResult.Change) -> String {
        guard change.diff == nil, let before = change.sizeBefore, let after = change.sizeAfter else { return "" }
        return " (\(before) → \(after) bytes)"
    }
}
