import Foundation
import TestSupport
import Testing

/// Definitions of the machine, written beside the disk.
@Suite struct EmitTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    private func run(_ arguments: String...) throws -> Tool.Result { try Tool.run(Tool.converter, ["-q"] + arguments) }

    /// A VMX with the disk, and with texts that must not become anything else.
    private func writeMachine() throws -> String {
        try QEMU.convert(raw, to: directory.file("disk.vmdk"), format: "vmdk")
        let text = """
            config.version = "8"
            displayName = "</name>|22$(touch pwned) |27;&"
            memsize = "1536"
            numvcpus = "6"
            cpuid.coresPerSocket = "3"
            firmware = "efi"
            scsi0:0.fileName = "disk.vmdk"
            ethernet0.present = "TRUE"
            ethernet0.addressType = "static"
            ethernet0.address = "00:50:56:AA:BB:CC"
            """
        return try directory.write(Array(text.utf8), to: "vm.vmx")
    }

    @Test func theDefinitionHasWhatTheMachineHad() throws {
        let machine = try writeMachine()
        let out = directory.file("out.qcow2")
        let report = try Tool.check(
            Tool.converter,
            [
                "-q", "--json", "--emit", "libvirt", "--emit", "qemu", "--emit", "kubevirt", "--emit", "proxmox",
                "--bus", "virtio-scsi", machine, out,
            ])
        try QEMU.requireIdentical(raw, out, format: "qcow2")
        let names = ["out.xml", "out.yaml", "out.sh", "out.conf"]
        let object = try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any]
        #expect((object?["definitions"] as? [String])?.map { URL(filePath: $0).lastPathComponent } == names)
        #expect(directory.names.sorted() == (["disk.raw", "disk.vmdk", "out.qcow2", "vm.vmx"] + names).sorted())
        #expect(try Tool.run("sh", ["-n", directory.file("out.sh")]).status == 0)
        guard Capabilities.has("virt-xml-validate"), Capabilities.has("xmllint") else { return }
        let domain = directory.file("out.xml")
        try Tool.check("virt-xml-validate", [domain, "domain"])
        for (path, value) in [
            "/domain/name": "<-name>\"$(touch pwned) ';&", "/domain/memory": "1536", "/domain/vcpu": "6",
            "/domain/cpu/topology/@cores": "3", "/domain/os/@firmware": "efi", "//disk/target/@bus": "scsi",
            "//interface/mac/@address": "00:50:56:aa:bb:cc",
            "//disk/source/@file": URL(filePath: out).resolvingSymlinksInPath().path,
        ] {
            #expect(try Tool.check("xmllint", ["--xpath", "string(\(path))", domain]) == value + "\n")
        }
    }

    @Test func theFirmwareIsThatOfTheDisk() throws {
        try Tool.check("truncate", ["-s", "64M", directory.file("esp.raw")])
        let table = "label: gpt\nsize=32M, type=U\ntype=L\n"
        try Tool.check("sh", ["-c", "printf '\(table)' | sfdisk -q '\(directory.file("esp.raw"))'"])
        for (disk, firmware) in [("esp.raw", "ovmf"), ("disk.raw", "seabios")] {
            #expect(
                try run("--force", "--emit", "proxmox", directory.file(disk), directory.file("out.qcow2")).status == 0)
            #expect(try text("out.conf").contains("bios: \(firmware)\n"))
        }
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try contents(of: directory.file(name)), as: UTF8.self)
    }

    /// The definition appears with the disk, and nothing is replaced without being told to.
    @Test func wholeOrNotAtAll() throws {
        try directory.write(Array("mine".utf8), to: "out.sh")
        let refused = try run("--emit", "qemu", raw, directory.file("out.qcow2"))
        #expect(refused.status == 20 && refused.error.contains("out.sh"))
        #expect(directory.names.sorted() == ["disk.raw", "out.sh"])
        #expect(try text("out.sh") == "mine")
        #expect(try run("--force", "--emit", "qemu", raw, directory.file("out.qcow2")).status == 0)
        #expect(try text("out.sh").hasPrefix("#!/bin/sh\n"))

        let damaged = try directory.write(
            Array(try contents(of: directory.file("out.qcow2")).prefix(300_000)), to: "cut.qcow2")
        #expect(try run("--emit", "qemu", damaged, directory.file("new.qcow2")).status == 12)
        #expect(directory.names.sorted() == ["cut.qcow2", "disk.raw", "out.qcow2", "out.sh"])
    }

    /// With several files, and read back.
    @Test func besideOtherFilesAndVerified() throws {
        let out = directory.file("out.qcow2")
        let options = "data_file=\(directory.file("data")),data_file_raw=on"
        #expect(try run("--verify", "--emit", "kubevirt", "-o", options, raw, out).status == 0)
        try QEMU.requireIdentical(raw, out, format: "qcow2")
        #expect(try text("out.yaml").hasPrefix("apiVersion: kubevirt.io/v1\n"))
    }

    @Test func namesOfDefinitions() throws {
        for (name, definition) in ["a.b.qcow2": "a.b.xml", "disk.xml": "disk.xml.xml", "c.IMG": "c.xml", "d": "d.xml"] {
            #expect(try run("-O", "qcow2", "--emit", "libvirt", raw, directory.file(name)).status == 0)
            #expect(directory.names.contains(definition), "\(directory.names)")
        }
        // The file that a link leads to is what appears, and where.
        try FileManager.default.createDirectory(atPath: directory.file("store"), withIntermediateDirectories: true)
        try directory.write([], to: "store/real.qcow2")
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("link.qcow2"), withDestinationPath: "store/real.qcow2")
        #expect(try run("--force", "--emit", "libvirt", raw, directory.file("link.qcow2")).status == 0)
        #expect(try text("store/link.xml").contains("/store/real.qcow2'"))
    }

    @Test func whereThereIsNoBeside() throws {
        let existing = try directory.write(
            [UInt8](repeating: 1, count: DiskContent.mixed.bytes().count), to: "existing.raw")
        #expect(try run("--emit", "libvirt", "-n", raw, existing).status == 2)
        #expect(try run("--emit", "libvirt", "-O", "qcow2", raw, "-").status == 2)
        #expect(try run("--emit", "libvirt", raw, "nbd+unix:///?socket=none").status == 2)
        #expect(try run("--emit", "libvirt", raw, directory.file("out.vmdk")).status == 2)
        #expect(try run("--emit", "proxmox", raw, directory.file("a,b.qcow2")).status == 2)
        #expect(try run("--bus", "virtio-scsi", raw, directory.file("out.qcow2")).status == 2)
        #expect(directory.names.sorted() == ["disk.raw", "existing.raw"])
    }
}
