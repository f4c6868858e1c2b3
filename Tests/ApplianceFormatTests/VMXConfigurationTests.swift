import DiskImage
import Testing

@testable import ApplianceFormat

/// Configurations as VMware's products write them, and as people edit them.
@Suite struct VMXConfigurationTests {
    private func disks(_ lines: String...) -> [String] {
        VMXConfiguration(parsing: Array(lines.joined(separator: "\n").utf8)).disks.map {
            "\($0.name) \($0.fileName ?? "")"
        }
    }

    @Test func disksAreNumberedByControllerBusAndUnit() {
        #expect(
            disks(
                "ide0:0.fileName = \"e\"", "nvme0:0.fileName = \"d\"", "scsi1:0.fileName = \"b\"",
                "scsi0:10.fileName = \"a2\"", "scsi0:2.fileName = \"a1\"", "sata0:0.fileName = \"c\"")
                == ["scsi0:2 a1", "scsi0:10 a2", "scsi1:0 b", "sata0:0 c", "nvme0:0 d", "ide0:0 e"])
    }

    @Test func whatIsNoDiskIsLeftOut() {
        #expect(
            disks(
                "scsi0:0.present = \"FALSE\"", "scsi0:0.fileName = \"off.vmdk\"", "ide1:0.deviceType = \"atapi-cdrom\"",
                "ide1:0.fileName = \"auto detect\"", "ide0:1.fileName = \"\"", "sata0:1.fileName = \"linux.ISO\"",
                "floppy0.fileName = \"a.flp\"", "scsi0.fileName = \"x\"", "scsi0:x.fileName = \"x\"",
                "usb0:0.fileName = \"x\"", "#scsi0:3.fileName = \"x\"", "scsi0:4.fileName") == [])
    }

    @Test func spellingsOfOneLine() {
        for line in [
            "scsi0:0.fileName = \"a b.vmdk\"", "scsi0:0.filename=\"a b.vmdk\"", "  SCSI0:0.FILENAME\t=  \"a b.vmdk\" ",
            "scsi0:0.fileName = \"a|20b.vmdk\"", "\u{FEFF}scsi0:0.fileName = \"a b.vmdk\"\r",
        ] {
            #expect(disks(line) == ["scsi0:0 a b.vmdk"])
        }
    }

    @Test func isKnownByItsVersion() {
        #expect(VMXConfiguration.isRecognisable(Array(".encoding = \"UTF-8\"\nconfig.version = \"8\"\n".utf8)))
        #expect(VMXConfiguration.isRecognisable(Array("virtualHW.version = \"4\"".utf8)))
        #expect(!VMXConfiguration.isRecognisable(Array("version = \"4\"".utf8)))
        #expect(!VMXConfiguration.isRecognisable(Array("config.version = \"8\"\n\0".utf8)))
    }

    private func hardware(_ lines: String...) -> MachineHardware {
        VMXConfiguration(parsing: Array(lines.joined(separator: "\n").utf8)).hardware
    }

    @Test func hardware() {
        let machine = hardware(
            "displayName = \"Web |22one|22\"", "memSize = \"4096\"", "numvcpus = \"4\"", "cpuid.coresPerSocket = \"2\"",
            "firmware = \"efi\"", "ethernet1.present = \"TRUE\"", "ethernet1.generatedAddress = \"00:0c:29:aa:bb:cc\"",
            "ethernet0.present = \"FALSE\"")
        #expect(machine.name == "Web \"one\"" && machine.memory == 4 << 30 && machine.firmware == .uefi)
        #expect(machine.processors == 4 && machine.coresPerSocket == 2)
        #expect(machine.networkAdapters == [NetworkAdapter(address: "00:0c:29:aa:bb:cc", slot: nil)])
    }

    @Test func whatIsNotSaidOrAbsurd() {
        #expect(hardware("config.version = \"8\"") == MachineHardware())
        let machine = hardware("memsize = \"99999999999999999\"", "numvcpus = \"many\"", "firmware = \"bios\"")
        #expect(machine.memory == nil && machine.processors == nil && machine.firmware == .bios)
    }
}
