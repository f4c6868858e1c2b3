import GuestDisk
import Initramfs

/// Has the guest itself make, at its first boot, the changes that its root's filesystem does not let us make. An initramfs
/// carries them: a hook in it copies a service to `/run`, where the guest's systemd finds it, so the service runs when filesystems
/// can be written to and SELinux gives new files their labels.
struct FirstBoot {
    let changes: [FirstBootChange]
    /// Whether the guest's systemd would find a service in `/run`.
    let hasSystemd: Bool

    private static let service = "v2v-convert.service"
    /// In the initramfs.
    private static let directory = "v2v-convert/run"
    /// In the guest, as long as it runs.
    private static let runtime = "/run/v2v-convert"
    /// In the guest's root: which changes have been made.
    private static let record = "/var/lib/v2v-convert/first-boot"

    init(_ changes: [FirstBootChange], tree: GuestTree) throws(GuestError) {
        self.changes = changes
        let places = [try tree.find("/usr/lib/systemd/systemd"), try tree.find("/lib/systemd/systemd")]
        hasSystemd = places.contains { $0 != nil }
    }

    /// What the initramfs needs; nil if it has nothing that would run a hook.
    func files(in image: InitramfsImage) -> [InitramfsFile]? {
        guard !changes.isEmpty, hasSystemd, let hook = InitramfsHook(image) else { return nil }
        var files = hook.files(script: Self.hook)
        func add(_ path: String, _ content: [UInt8], permissions: UInt32 = 0o644) {
            files.append(
                InitramfsFile(path: "\(Self.directory)/\(path)", permissions: permissions, content: content))
        }
        add("systemd/system/\(Self.service)", Array(Self.unit.utf8))
        add("v2v-convert/first-boot", Array(script.utf8))
        for change in changes {
            // Who may read it there is nobody but root, whatever it will be.
            if case .create(let content, _) = change.kind {
                add("v2v-convert/files\(change.path)", content, permissions: 0o600)
            }
        }
        return files
    }

    /// Needs no more programs than every initramfs has.
    private static let hook = """
        #!/bin/sh
        # Made by v2v-convert: the service in /run gives the root what it could not be given before the first boot.
        cp -R /\(directory)/* /run/ && mkdir -p /run/systemd/system/multi-user.target.wants &&
            ln -sf ../\(service) /run/systemd/system/multi-user.target.wants/\(service)

        """

    private static let unit = """
        [Unit]
        Description=Changes of v2v-convert that waited for the first boot
        RequiresMountsFor=/etc \(record)

        [Service]
        Type=oneshot
        ExecStart=/bin/sh \(runtime)/first-boot

        """

    /// What has been done once isn't done again, so that an administrator can undo it. A file that is there stays.
    private var script: String {
        // Nothing is removed before what takes its place is there.
        let ordered = changes.filter { $0.kind != .remove } + changes.filter { $0.kind == .remove }
        let steps = ordered.map { change in
            let path = Self.quoted(change.path)
            return switch change.kind {
            case .create(_, let permissions): "give \(String(permissions, radix: 8)) \(path)\n"
            case .remove: "rm -f \(path)\n"
            }
        }
        return """
            # Made by v2v-convert. \(Self.record) is a copy: as long as it is there, nothing is done.
            set -e
            umask 022
            give() {
                [ -e "$2" ] && return
                mkdir -p "${2%/*}"
                cp "\(Self.runtime)/files$2" "$2.new"
                chmod "$1" "$2.new"
                mv "$2.new" "$2"
                if command -v restorecon >/dev/null; then restorecon "$2" || :; fi
            }
            if [ -e \(Self.record) ] && [ "$(cat \(Self.record))" = "$(cat \(Self.runtime)/first-boot)" ]; then exit; fi
            \(steps.joined())mkdir -p "\(GuestEditor.parent(of: Self.record))"
            cp \(Self.runtime)/first-boot \(Self.record)

            """
    }

    private static func quoted(_ path: String) -> String {
        "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
