import DiskImage
import GuestDisk
import GuestFixups
import TestSupport
import Testing

/// What is changed in the files of guests like those that are met. What is expected was written by hand; tools that are not
/// ours read the result.
@Suite struct PhonyGuestTests {
    private static let uuid = "UUID=\(PhonyGuest.rootUUID)"
    private static let swap = "UUID=\(PhonyGuest.swapUUID)"
    private static let link = """
        # Made by v2v-convert: the guest knows the interface by this name.
        [Match]
        MACAddress=00:50:56:aa:bb:cc

        [Link]
        Name=ens192

        """
    private static let rhelKernel = "5.14.0-427.el9.x86_64"

    private func redHat() throws -> PhonyGuest {
        try PhonyGuest(
            [
                "/etc/os-release":
                    "ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"9.4\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9.4 (Plow)\"\n",
                "/etc/fstab":
                    "# by anaconda\n/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1\t/\text4\tdefaults\t1 1\n/dev/sda2 none swap defaults 0 0\ntmpfs /tmp tmpfs size=10% 0 0",
                "/etc/sysconfig/network-scripts/ifcfg-ens192":
                    "TYPE=Ethernet\nBOOTPROTO=none\nDEVICE=ens192\nHWADDR=00:50:56:AA:BB:CC\nIPADDR=10.0.0.5\n",
                "/etc/sysconfig/network-scripts/ifcfg-ens192.20": "VLAN=yes\nDEVICE=ens192.20\nIPADDR=10.0.1.5\n",
                "/etc/sysconfig/network-scripts/ifcfg-bond0": "TYPE=Bond\nDEVICE=bond0\nBONDING_MASTER=yes\n",
                "/boot/loader/entries/abc-\(Self.rhelKernel).conf":
                    "title Red Hat\nlinux /vmlinuz-\(Self.rhelKernel)\noptions root=/dev/sda1 ro resume=/dev/sda2 crashkernel=1G rhgb\n",
                "/boot/grub2/grub.cfg": "set default=0\n# root=/dev/sda1 in a comment\nblscfg\n",
                "/etc/default/grub": "GRUB_CMDLINE_LINUX=\"resume=/dev/sda2 rhgb quiet\"\n",
                "/etc/lvm/devices/system.devices":
                    "VERSION=1.1.2\nIDTYPE=sys_wwid IDNAME=naa.6000c29 DEVNAME=/dev/sda3 PVID=abcdef PART=3\n",
                "/usr/bin/dracut": "", "/usr/lib/systemd/network/99-default.link": "", "/usr/bin/vmtoolsd": "",
                "/etc/adjtime": "0.0 0 0.0\n0\nLOCAL\n",
            ], kernel: Self.rhelKernel, initramfs: "/boot/initramfs-\(Self.rhelKernel).img")
    }

    @Test func aGuestLikeRedHat() throws {
        let guest = try redHat()
        let report = try guest.fix()
        #expect(report.notes == [])
        #expect(
            report.mended.map { "\($0.code.rawValue): \($0.message)" }.sorted() == [
                "device-name: /boot/loader/entries/abc-\(Self.rhelKernel).conf names /dev/sda1, which is called otherwise on virtio",
                "device-name: /boot/loader/entries/abc-\(Self.rhelKernel).conf names /dev/sda2, which is called otherwise on virtio",
                "device-name: /etc/default/grub names /dev/sda2, which is called otherwise on virtio",
                "device-name: /etc/fstab names /dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1, which is called otherwise on virtio",
                "device-name: /etc/fstab names /dev/sda2, which is called otherwise on virtio",
                "drivers-missing: kernel \(Self.rhelKernel): /boot/initramfs-\(Self.rhelKernel).img lacks virtio_pci, virtio_blk, virtio_net, sd_mod",
                "interface-name: the interface ens192 would get another name from the new hardware",
            ])
        #expect(report.guest?.release?.isLike("rhel") == true)
        #expect(
            Set(report.changes.map { "\($0.kind) \($0.path)" }) == [
                "changed /boot/initramfs-\(Self.rhelKernel).img", "changed /etc/fstab",
                "changed /boot/loader/entries/abc-\(Self.rhelKernel).conf", "changed /etc/default/grub",
                "changed /etc/lvm/devices/system.devices", "created /etc/dracut.conf.d/90-v2v-convert.conf",
                "created /etc/systemd/network/10-v2v-convert-ens192.link",
            ])
        #expect(
            try guest.content("/etc/fstab")
                == "# by anaconda\n\(Self.uuid)\t/\text4\tdefaults\t1 1\n\(Self.swap) none swap defaults 0 0\ntmpfs /tmp tmpfs size=10% 0 0"
        )
        #expect(
            try guest.content("/boot/loader/entries/abc-\(Self.rhelKernel).conf")
                == "title Red Hat\nlinux /vmlinuz-\(Self.rhelKernel)\noptions root=\(Self.uuid) ro resume=\(Self.swap) crashkernel=1G rhgb\n"
        )
        #expect(try guest.content("/etc/default/grub") == "GRUB_CMDLINE_LINUX=\"resume=\(Self.swap) rhgb quiet\"\n")
        #expect(
            try guest.content("/etc/lvm/devices/system.devices")
                == "VERSION=1.1.2\nIDTYPE=devname IDNAME=/dev/sda3 DEVNAME=/dev/sda3 PVID=abcdef PART=3\n")
        #expect(try guest.content("/etc/systemd/network/10-v2v-convert-ens192.link") == Self.link)
        let entries = try guest.addedToInitramfs("/boot/initramfs-\(Self.rhelKernel).img")
        for module in ["virtio", "virtio_ring", "virtio_pci", "virtio_blk", "virtio_net", "sd_mod"] {
            #expect(entries.contains("usr/lib/modules/\(Self.rhelKernel)/kernel/drivers/\(module).ko"))
        }
        #expect(entries.contains("etc/systemd/network/10-v2v-convert-ens192.link"))
        #expect(!entries.contains { $0.hasSuffix("virtio_scsi.ko") })
        #expect(try guest.check().status == 0)

        var description = try GuestDescription(Machine([try FileDevice(guest.path)]))
        #expect(description.firmware == .bios && description.systems.map(\.clock) == ["localtime"])
        description.takeObstacles(report)
        #expect(description.obstacles.count == 7 && description.obstacles.allSatisfy(\.mended))

        // Once is enough.
        let again = try guest.fix()
        #expect(again.changes.isEmpty)
        #expect(again.notes == [] && again.mended == [])
    }

    @Test func aGuestLikeUbuntu() throws {
        let kernel = "6.8.0-41-generic"
        let guest = try PhonyGuest(
            [
                "/etc/os-release": "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n",
                "/etc/fstab":
                    "LABEL=root / ext4 defaults 0 1\n/dev/sda2\tswap swap sw 0 0\n/dev/sdb1 /data ext4 defaults 0 2\n",
                "/etc/netplan/50-cloud-init.yaml":
                    "network:\n  version: 2\n  ethernets:\n    ens160:\n      addresses: [10.0.0.6/24]\n",
                "/boot/grub/grub.cfg":
                    "menuentry 'Ubuntu' {\n\tlinux\t/boot/vmlinuz-\(kernel) root=/dev/sda1 ro  quiet\n\tinitrd /boot/initrd.img-\(kernel)\n}\n",
                "/etc/initramfs-tools/modules": "# list\nvirtio_blk", "/usr/sbin/mkinitramfs": "",
                "/usr/lib/systemd/network/99-default.link": "", "/usr/bin/cloud-init": "",
            ], kernel: kernel, initramfs: "/boot/initrd.img-\(kernel)")
        let report = try guest.fix { $0.adapters = [NetworkAdapter(address: "00-50-56-AA-BB-CC", slot: 160)] }
        // A disk that isn't there: the guest would wait for it.
        #expect(report.notes.map(\.code) == [.unreadableVolume, .deviceNameKept])
        var description = try GuestDescription(Machine([try FileDevice(guest.path)]))
        description.takeObstacles(report)
        #expect(description.obstacles.filter { !$0.mended }.map(\.code) == ["device-name-kept"])
        #expect(description.systems.map(\.clock) == ["utc"])
        #expect(!report.isComplete)
        #expect(
            try guest.content("/etc/fstab")
                == "LABEL=root / ext4 defaults 0 1\n\(Self.swap)\tswap swap sw 0 0\n/dev/sdb1 /data ext4 defaults 0 2\n"
        )
        #expect(
            try guest.content("/boot/grub/grub.cfg")
                == "menuentry 'Ubuntu' {\n\tlinux\t/boot/vmlinuz-\(kernel) root=\(Self.uuid) ro  quiet\n\tinitrd /boot/initrd.img-\(kernel)\n}\n"
        )
        #expect(
            try guest.content("/etc/initramfs-tools/modules")
                == "# list\nvirtio_blk\nvirtio_pci\nvirtio_scsi\nvirtio_net\n")
        #expect(
            try guest.content("/etc/systemd/network/10-v2v-convert-ens160.link").contains(
                "MACAddress=00:50:56:aa:bb:cc\n"))
        #expect(try guest.check().status == 0)
        #expect(
            try guest.fix { $0.adapters = [NetworkAdapter(address: "00-50-56-AA-BB-CC", slot: 160)] }.changes.isEmpty)
    }

    @Test func aGuestLikeOldSUSE() throws {
        let kernel = "3.0.101-108.138-default"
        let guest = try PhonyGuest(
            [
                "/etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
                "/etc/fstab": "/dev/disk/by-id/scsi-36000c29-part1 / ext3 acl 1 1\n/dev/sda2 swap swap defaults 0 0\n",
                "/etc/sysconfig/network/ifcfg-eth0": "BOOTPROTO='static'\nIPADDR='10.0.0.7/24'\n",
                "/etc/udev/rules.d/70-persistent-net.rules":
                    "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"00:50:56:aa:bb:cc\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n",
                "/etc/sysconfig/kernel": "INITRD_MODULES=\"mptspi ext3\"\nOTHER=1\n", "/sbin/mkinitrd": "",
                "/boot/grub/menu.lst":
                    "title SLES\n    kernel /boot/vmlinuz-\(kernel) root=/dev/disk/by-id/scsi-36000c29-part1 resume=/dev/sda2 splash=silent\n",
            ], kernel: kernel, initramfs: "/boot/initrd-\(kernel)")
        let report = try guest.fix()
        #expect(report.notes == [])
        #expect(report.guest?.release?.version == "11.4")
        #expect(
            try guest.content("/etc/fstab") == "\(Self.uuid) / ext3 acl 1 1\n\(Self.swap) swap swap defaults 0 0\n")
        #expect(
            try guest.content("/boot/grub/menu.lst")
                == "title SLES\n    kernel /boot/vmlinuz-\(kernel) root=\(Self.uuid) resume=\(Self.swap) splash=silent\n"
        )
        #expect(
            try guest.content("/etc/sysconfig/kernel")
                == "INITRD_MODULES=\"mptspi ext3 virtio_pci virtio_blk virtio_scsi virtio_net\"\nOTHER=1\n")
        // The guest binds the name itself.
        #expect(!report.changes.contains { $0.path.contains("v2v-convert") })
        #expect(try guest.check().status == 0)
    }

    @Test func severalInterfacesWithoutAddressesAreNotGuessed() throws {
        let kernel = "6.1.0-1-amd64"
        let guest = try PhonyGuest(
            [
                "/etc/debian_version": "12.5\n", "/etc/hosts": "127.0.0.1 localhost\n",
                "/etc/network/interfaces":
                    "auto lo\niface lo inet loopback\nauto ens192 br0\niface ens192 inet static\n  address 10.0.0.8/24\niface br0 inet dhcp\n  bridge_ports ens224\n",
                "/usr/lib/systemd/network/99-default.link": "",
            ], kernel: kernel, initramfs: "/boot/initrd.img-\(kernel)")
        let report = try guest.fix()
        #expect(report.notes.map(\.code) == [.interfaceNotPinned, .interfaceNotPinned])
        #expect(report.notes.map { $0.message.contains("--nic ADDRESS=ens") } == [true, true])

        let told = try guest.fix {
            $0.bindings = [
                NameBinding(.address("00:50:56:00:00:01"), name: "ens192"),
                NameBinding(.address("00:50:56:00:00:02"), name: "ens224"),
            ]
        }
        #expect(told.isComplete)
        #expect(told.changes.filter { $0.path.hasSuffix(".link") }.count == 2)
        #expect(try guest.check().status == 0)
    }

    @Test func whichDiskIsMeantIsNotGuessed() throws {
        let kernel = "6.1.0-1-amd64"
        let fstab = """
            /dev/disk/by-id/scsi-A-part1 / ext4 defaults 0 1
            /dev/disk/by-id/scsi-B-part1 /data ext4 defaults 0 2
            /dev/nvme9223372036854775807n1p1 /srv ext4 nofail 0 2
            /dev/sda1 /other xfs noauto 0 2
            /dev/disk/by-id/dm-uuid-LVM-abc /home ext4 nofail 0 2

            """
        let guest = try PhonyGuest(
            ["/etc/debian_version": "12.5\n", "/etc/fstab": fstab], kernel: kernel,
            initramfs: "/boot/initrd.img-\(kernel)")
        let report = try guest.fix()
        #expect(try guest.content("/etc/fstab") == fstab)
        #expect(report.notes.filter { $0.code == .deviceNameKept }.map(\.isProblem) == [true, true, false])
    }

    @Test func aUnifiedKernelImageIsTold() throws {
        let kernel = "6.1.0-1-amd64"
        let guest = try PhonyGuest(
            ["/etc/debian_version": "12.5\n", "/etc/fstab": "", "/efi/EFI/Linux/debian-\(kernel).efi": "MZ"],
            kernel: kernel, initramfs: "/boot/initrd.img-\(kernel)")
        let report = try guest.fix()
        #expect(report.notes.map(\.code) == [.kernelNotReady])
        #expect(!report.isComplete)
    }

    @Test func aHibernatedGuestIsLeftAlone() throws {
        let guest = try redHat()
        let disk = try FileDevice(guest.path)
        try disk.write(Array("S1SUSPEND\0".utf8), at: (33 << 20) + 4086)
        let before = try contents(of: guest.path)
        let report = try guest.fix()
        #expect(report.notes.map(\.code) == [.hibernated])
        #expect(try contents(of: guest.path) == before)
    }

    @Test func manifestsOfOnesOwn() throws {
        let kernel = "6.1.0-1-amd64"
        let guest = try PhonyGuest(
            [
                "/etc/debian_version": "12.5\n", "/etc/hosts": "127.0.0.1 localhost\n", "/lib64": "→ usr/lib64",
                "/usr/lib64/x": "", "/etc/agent.conf": "site=vmware # old\n  export OPTS='a b' # why\n",
                "/etc/systemd/system/agent.service": "",
                "/etc/systemd/system/multi-user.target.wants/agent.service": "→ ../agent.service",
            ], kernel: kernel, initramfs: "/boot/initrd.img-\(kernel)")
        let manifest = try Manifest(
            """
            schema: 1
            name: ours
            summary: as we want it
            match: {distribution: debian, version: ">=12", has: /etc/agent.conf, lacks: /etc/other}
            actions:
              - replace-text: {path: /etc/agent.conf, find: site=vmware, with: site=kvm}
              - add-words: {path: /etc/agent.conf, variable: OPTS, words: [b, c]}
              - add-words: {path: /etc/agent.conf, variable: MORE, words: [d]}
              - append-lines: {path: /etc/hosts, lines: [127.0.0.1 localhost, 10.0.0.1 site]}
              - write-file: {path: /lib64/made/here/file, content: "text", permissions: "0600"}
              - remove-file: /usr/lib64/x
              - disable-unit: agent.service
              - write-file: {path: /usr/lib64/made, content: "a directory is there"}
            """, file: "ours.yaml")
        let report = try guest.fix { $0.manifests = ManifestSet([manifest]) }
        #expect(
            try guest.content("/etc/agent.conf")
                == "site=kvm # old\n  export OPTS='a b c' # why\nMORE=\"d\"\n")
        #expect(try guest.content("/etc/hosts") == "127.0.0.1 localhost\n10.0.0.1 site\n")
        #expect(try guest.content("/usr/lib64/made/here/file") == "text")
        #expect(
            report.changes.filter { $0.kind != .changed }.map { "\($0.kind) \($0.path)" } == [
                "created /usr/lib64/made/here/file", "removed /usr/lib64/x",
                "removed /etc/systemd/system/multi-user.target.wants/agent.service",
            ])
        #expect(report.notes.map(\.code) == [.fileNotChanged])
        #expect(report.mended.map(\.message) == ["agent.service is started at every boot"])
        #expect(!report.isComplete)
        #expect(try guest.check().status == 0)
    }

    @Test func rulesAskForFirmwareAndTools() throws {
        let kernel = "6.1.0-1-amd64"
        let guest = try PhonyGuest(
            ["/etc/debian_version": "12.5\n", "/etc/hosts": "", "/usr/bin/vmtoolsd": "", "/usr/sbin/mkinitramfs": ""],
            kernel: kernel, initramfs: "/boot/initrd.img-\(kernel)")
        let conditions = [
            "firmware: bios", "firmware: uefi", "tool: open-vm-tools", "tool: [xen-guest, initramfs-tools]",
            "tool: dracut",
        ]
        let manifests = try conditions.enumerated().map { number, condition in
            try Manifest(
                "schema: 1\nname: m\(number)\nsummary: s\nmatch: {\(condition)}\nactions:\n  - append-lines: "
                    + "{path: /etc/hosts, lines: '\(number)'}", file: "m.yaml")
        }
        _ = try guest.fix { $0.manifests = ManifestSet(manifests) }
        #expect(try guest.content("/etc/hosts") == "0\n2\n3\n")
    }

    @Test func aDiskWithoutASystemIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("empty")
        try Tool.check("truncate", ["-s", "8M", path])
        let overlay = try OverlayDevice(over: try FileDevice(path))
        let report = try Fixup(manifests: ManifestSet(try ManifestSet.builtIn())).run(on: Machine([overlay]))
        #expect(report.notes.map(\.code) == [.unknownGuest])
        #expect(!report.isComplete)
        #expect(overlay.changedBlocks.isEmpty)
    }
}
