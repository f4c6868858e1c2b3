import GuestDisk
import Initramfs
import TestSupport

/// A directory on this machine as a kernel's tree of modules.
struct LocalModules: ModuleTree {
    var path: String

    func content(of file: String, limit: Int) throws(GuestError) -> [UInt8]? {
        guard let bytes = try? contents(of: path + "/" + file) else { return nil }
        guard bytes.count <= limit else { throw GuestError(.unsupported, "too large") }
        return bytes
    }
}
