import GuestDisk

extension GuestMatch {
    func matches(_ guest: LinuxGuest, _ machine: Machine) throws(GuestError) -> Bool {
        if let firmware, firmware != SystemFacts.firmware(machine) { return false }
        if !tools.isEmpty {
            let facts = SystemFacts(tree: guest.tree)
            guard facts.all(SystemFacts.matchable).contains(where: tools.contains) else { return false }
        }
        if !distributions.isEmpty {
            guard let release = guest.release, distributions.contains(where: release.isLike) else { return false }
        }
        if !versions.isEmpty {
            guard let version = guest.release?.version, versions.allSatisfy({ $0.isFulfilled(by: version) }) else {
                return false
            }
        }
        if !paths.isEmpty {
            guard try hasOne(of: paths, guest.tree) else { return false }
        }
        return try !hasOne(of: absentPaths, guest.tree)
    }

    private func hasOne(of paths: [String], _ tree: GuestTree) throws(GuestError) -> Bool {
        for path in paths where try tree.find(path) != nil { return true }
        return false
    }
}
