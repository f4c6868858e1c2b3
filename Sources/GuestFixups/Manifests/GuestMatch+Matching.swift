import DiskImage
import GuestDisk

extension GuestMatch {
    func matches(_ guest: LinuxGuest, _ machine: Machine) throws(GuestError) -> Bool {
        if let firmware, firmware != SystemFacts.firmware(machine).rawValue { return false }
        if !tools.isEmpty {
            let facts = SystemFacts(tree: guest.tree)
            guard try facts.all(SystemFacts.matchable).contains(where: tools.contains) else { return false }
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
            guard try guest.tree.hasAny(paths) else { return false }
        }
        return try !guest.tree.hasAny(absentPaths)
    }
}
