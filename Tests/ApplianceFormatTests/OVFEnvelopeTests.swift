import DiskImage
import TestSupport
import Testing

@testable import ApplianceFormat

/// OVFs as VMware, VirtualBox and the specification's examples spell them.
@Suite struct OVFEnvelopeTests {
    @Test(
        arguments: [
            ("byte * 2^30", 1 << 30), ("MegaBytes", 1 << 20), ("GigaBytes", 1 << 30), ("byte*2^20", 1 << 20),
            (" byte * 1024 ", 1024), ("byte", 1), ("byte * 10^9", 1_000_000_000), ("byte * 2^63", 1 << 63),
            ("byte * 2^64", nil), ("parsec", nil), ("byte * 2^", nil), ("byte * 2^3^4", nil), ("byte * -1", nil),
            ("", nil),
            ("byte * 99999999999999999999", nil), ("byte * 3^63", nil),
        ] as [(String, UInt64?)])
    func units(unit: String, bytes: UInt64?) {
        #expect(OVFEnvelope.bytes(of: unit) == bytes)
    }

    @Test(
        arguments: [
            ("8", "byte * 2^30", UInt64(8) << 30), ("8589934592", "byte", 8 << 30), (" 12 ", "MegaBytes", 12 << 20),
            ("${size}", "byte", nil), ("", "byte", nil), ("-1", "byte", nil), ("16", "byte * 2^60", nil),
            ("99999999999999999999", "byte", nil), ("5", "parsec", nil),
        ] as [(String, String, UInt64?)])
    func capacities(capacity: String, unit: String, bytes: UInt64?) throws {
        let text = """
            <Envelope><DiskSection><Disk diskId="d" capacity="\(capacity)" capacityAllocationUnits="\(unit)"/>
            </DiskSection></Envelope>
            """
        #expect(try OVFEnvelope(parsing: Array(text.utf8)).disks.map(\.capacity) == [bytes])
    }

    /// Version 0.9 has sections that are told apart by their type; prefixes may be any.
    @Test func everyVersionIsRead() throws {
        let old = """
            <ovf:Envelope xmlns:ovf="http://www.vmware.com/schema/ovf/1/envelope" xmlns:xsi="x" ovf:version="0.9">
            <References><File ovf:id="f" ovf:href="a.vmdk" ovf:size="5"/></References>
            <Section xsi:type="ovf:DiskSection_Type"><Info/><Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="4096"/></Section>
            </ovf:Envelope>
            """
        let texts = [old] + [1, 2].map { OVF.text([.init("a.vmdk", capacity: 1)], version: $0) }
        for text in texts {
            let envelope = try OVFEnvelope(parsing: Array(text.utf8))
            #expect(envelope.disks.count == 1 && envelope.files.values.map(\.reference) == ["a.vmdk"])
            #expect(OVFEnvelope.isRecognisable(Array(text.utf8)))
        }
    }

    @Test func aDiskMayBeAFileThatOnlyAnItemNames() throws {
        let text = """
            <Envelope><References><File id="iso" href="a.iso"/><File id="f2" href="b.vmdk"/></References><VirtualSystem>
            <VirtualHardwareSection>
            <Item><r:HostResource>ovf:/file/iso</r:HostResource><r:ResourceType>15</r:ResourceType></Item>
            <Item><r:HostResource>ovf:/file/f2</r:HostResource><r:ResourceType>17</r:ResourceType></Item>
            <Item><r:HostResource>ovf:/disk/none</r:HostResource><r:ResourceType>17</r:ResourceType></Item>
            </VirtualHardwareSection></VirtualSystem></Envelope>
            """
        #expect(try OVFEnvelope(parsing: Array(text.utf8)).disks.map(\.file) == ["f2"])
    }

    @Test(arguments: ["", "KDMV", "<html></html>", "<?xml version=\"1.0\"?><domain type=\"kvm\"/>", "\0\0<Envelope/>"])
    func otherTextIsNoOVF(text: String) {
        #expect(!OVFEnvelope.isRecognisable(Array(text.utf8)))
    }

    private func item(_ type: Int, _ fields: [String: String]) -> String {
        let elements = fields.map { "<rasd:\($0.key)>\($0.value)</rasd:\($0.key)>" }.joined()
        return "<Item>\(elements)<rasd:ResourceType>\(type)</rasd:ResourceType></Item>"
    }

    private func hardware(_ content: String) throws -> MachineHardware {
        let text = """
            <Envelope><VirtualSystem ovf:id="vm"><Info/><Name> Web &amp; more </Name>
            <VirtualHardwareSection>\(content)</VirtualHardwareSection></VirtualSystem></Envelope>
            """
        return try OVFEnvelope(parsing: Array(text.utf8)).hardware
    }

    @Test func hardware() throws {
        let machine = try hardware(
            item(3, ["VirtualQuantity": "4", "CoresPerSocket": "2", "AllocationUnits": "hertz * 10^6"])
                + item(4, ["VirtualQuantity": "3", "AllocationUnits": "byte * 2^30"])
                + item(4, ["VirtualQuantity": "5", "AllocationUnits": "byte * 2^30"])
                + item(10, ["Address": "00:50:56:aa:bb:cc"])
                + "<vmw:Config ovf:required=\"false\" vmw:key=\"firmware\" vmw:value=\"efi\"/>")
        #expect(machine.name == "Web & more" && machine.processors == 4 && machine.coresPerSocket == 2)
        #expect(machine.memory == 3 << 30 && machine.firmware == .uefi)
        #expect(machine.networkAdapters == [NetworkAdapter(address: "00:50:56:aa:bb:cc", slot: nil)])
    }

    /// VirtualBox has a unit and a place for the firmware of its own.
    @Test func hardwareAsVirtualBoxTellsIt() throws {
        let machine = try hardware(
            item(4, ["VirtualQuantity": "512", "AllocationUnits": "MegaByte"])
                + "<vbox:Machine><Hardware><Firmware type=\"EFI64\"/></Hardware></vbox:Machine>")
        #expect(machine.memory == 512 << 20 && machine.firmware == .uefi)
    }

    @Test(arguments: ["", "18446744073709551615", "-1", "much"]) func memoryThatIsNone(quantity: String) throws {
        #expect(try hardware(item(4, ["VirtualQuantity": quantity])).memory == nil)
    }
}
