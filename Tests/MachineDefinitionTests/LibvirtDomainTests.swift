import DiskImage
import Foundation
import MachineDefinition
import TestSupport
import Testing

/// libvirt's own schema judges the domains; xmllint reads what is in them.
@Suite(.enabled(if: Capabilities.has("virt-xml-validate") && Capabilities.has("xmllint"))) struct LibvirtDomainTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Throws unless the schema takes it.
    private func write(_ machine: VirtualMachine) throws -> String {
        let file = try directory.write(Array(try DefinitionFormat.libvirt.text(of: machine).utf8), to: "domain.xml")
        try Tool.check("virt-xml-validate", [file, "domain"])
        return file
    }

    private func read(_ path: String, in file: String) throws -> String {
        let text = try Tool.check("xmllint", ["--xpath", "string(\(path))", file])
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    @Test(arguments: Machines.all) func theSchemaTakesIt(machine: VirtualMachine) throws {
        let file = try write(machine)
        #expect(try read("/domain/memory", in: file) == "3072")
        #expect(try read("/domain/vcpu", in: file) == "8")
        #expect(try read("/domain/os/@firmware", in: file) == (machine.firmware == .uefi ? "efi" : ""))
        #expect(try read("/domain/clock/@offset", in: file) == (machine.isClockLocal ? "localtime" : "utc"))
        let isSCSI = machine.bus == .virtioSCSI
        #expect(try read("//disk[1]/target/@bus", in: file) == (isSCSI ? "scsi" : "virtio"))
        #expect(try read("//disk[2]/target/@dev", in: file) == (isSCSI ? "sdb" : "vdb"))
        #expect(try read("//disk[2]/driver/@type", in: file) == "raw")
        #expect(try read("//disk[2]/source/@file", in: file) == "/images/web01-data.raw")
        #expect(try read("count(//interface)", in: file) == "\(machine.adapters.count)")
        for (index, address) in machine.adapters.enumerated() {
            #expect(try read("//interface[\(index + 1)]/mac/@address", in: file) == address ?? "")
        }
    }

    /// A device for each old driver: libvirt would else make such as it doesn't know.
    @Test(arguments: Machines.all.filter(\.needsTransitionalDevices))
    func oldDriversGetTransitionalDevices(machine: VirtualMachine) throws {
        let place = machine.bus == .virtioSCSI ? "//controller[@type='scsi']/@model" : "//disk[1]/@model"
        #expect(try read(place, in: try write(machine)) == "virtio-transitional")
    }

    @Test(arguments: Machines.hostileNames) func anyNameIsText(name: String) throws {
        let file = try write(Machines.simple(name: name))
        #expect(try read("/domain/name", in: file) == name.replacing("/", with: "-").replacing("\u{2028}", with: ""))
        let elements = try read("count(//*)", in: file)
        #expect(try elements == read("count(//*)", in: try write(Machines.simple())))
    }

    @Test(arguments: Machines.hostileFiles.filter { !$0.contains(where: \.isNewline) })
    func anyFileIsNamedAsItIs(name: String) throws {
        let file = try write(Machines.simple(path: "/\(name)/disk"))
        #expect(try read("//disk/source/@file", in: file) == "/\(name)/disk")
    }

    @Test(arguments: ["a\u{1}b", "a\u{1B}[2Jb", "\u{FFFE}", "a\nb", "a\rb"]) func whatXMLCannotHave(name: String) throws
    {
        let file = try write(Machines.simple(name: name))
        #expect(try read("/domain/name", in: file).unicodeScalars.allSatisfy { $0.value >= 32 && $0.value < 0xFFFE })
        #expect(throws: ImageError.self) {
            try DefinitionFormat.libvirt.text(of: Machines.simple(path: "/images/\(name)"))
        }
    }

    @Test(arguments: ["", " ", "\n", "\u{1}"]) func noName(name: String) throws {
        #expect(try read("/domain/name", in: try write(Machines.simple(name: name))) == "vm")
    }
}
