import Initramfs

/// How a script is run in an initramfs when the guest's root is mounted and `/run` is what the guest will have there.
struct InitramfsHook {
    private enum Kind {
        /// dracut runs every `*.sh` in the directory (dracut.modules(7)). It has been another one since dracut 102.
        case dracut(directory: String)
        /// initramfs-tools runs what `ORDER` says, which it writes when it builds the initramfs (initramfs-tools(7)).
        case initramfsTools(order: [UInt8])
    }

    private let kind: Kind

    static let order = "scripts/local-bottom/ORDER"

    /// Nil if the initramfs is none that is known to run scripts, or lacks `cp`, which klibc does not have.
    init?(_ image: InitramfsImage) {
        let layout = image.layout
        guard layout.resolve("bin/cp").map(layout.contains) ?? false else { return nil }
        let directories = ["var/lib/dracut/hooks/pre-pivot", "lib/dracut/hooks/pre-pivot"]
        if let directory = directories.first(where: { layout.resolve($0).map(layout.isDirectory) ?? false }) {
            kind = .dracut(directory: directory)
        } else if layout.contains("scripts/local"), image.contents[Self.order] != nil || !layout.contains(Self.order) {
            kind = .initramfsTools(order: image.contents[Self.order] ?? [])
        } else {
            return nil
        }
    }

    func files(script: String) -> [InitramfsFile] {
        let content = Array(script.utf8)
        switch kind {
        case .dracut(let directory):
            return [InitramfsFile(path: "\(directory)/90-v2v-convert.sh", permissions: 0o755, content: content)]
        case .initramfsTools(let order):
            let path = "scripts/local-bottom/v2v-convert"
            let end: [UInt8] = order.isEmpty || order.last == UInt8(ascii: "\n") ? [] : [UInt8(ascii: "\n")]
            return [
                InitramfsFile(path: path, permissions: 0o755, content: content),
                InitramfsFile(path: Self.order, content: order + end + Array("/\(path) \"$@\"\n".utf8)),
            ]
        }
    }
}
