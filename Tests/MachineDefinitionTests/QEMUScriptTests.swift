import DiskImage
import Foundation
import MachineDefinition
import TestSupport
import Testing

/// QEMU itself starts what the scripts say, without KVM if need be.
@Suite(.serialized, .enabled(if: Capabilities.has("qemu-system-x86_64"))) struct QEMUScriptTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// What a disk says on the serial port before it stops the machine.
    private static let message = "started from the first disk\n"

    /// Writes the disk of `machine` that starts, in the machine's directory, and the script beside it.
    private func write(_ machine: VirtualMachine) throws -> String {
        let disk = URL(filePath: machine.disks[0].path)
        let folder = disk.deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // xor ax,ax; mov ds,ax; cld; mov dx,0x3f8; mov si,0x7c1a; next: lodsb; test al,al; jz end; out dx,al; jmp next;
        // end: mov al,0xfe; out 0x64,al (the keyboard controller resets the machine); wait: hlt; jmp wait
        let code: [UInt8] = [
            0x31, 0xC0, 0x8E, 0xD8, 0xFC, 0xBA, 0xF8, 0x03, 0xBE, 0x1A, 0x7C, 0xAC, 0x84, 0xC0, 0x74, 0x03, 0xEE, 0xEB,
            0xF8, 0xB0, 0xFE, 0xE6, 0x64, 0xF4, 0xEB, 0xFD,
        ]
        var sector = code + Array(Self.message.utf8)
        sector += [UInt8](repeating: 0, count: 510 - sector.count) + [0x55, 0xAA]
        let raw = try directory.write(sector + [UInt8](repeating: 0, count: 1 << 20), to: "raw")
        try Tool.check("qemu-img", ["convert", "-f", "raw", "-O", machine.disks[0].format.rawValue, raw, disk.path])
        for other in machine.disks.dropFirst() {
            try Tool.check("qemu-img", ["create", "-q", "-f", other.format.rawValue, other.path, "1M"])
        }
        let script = folder.appending(path: "start it.sh").path
        try Data(try DefinitionFormat.qemu.text(of: machine).utf8).write(to: URL(filePath: script))
        return script
    }

    private func machine(in folder: String = "images", name: String = "web01") -> VirtualMachine {
        Machines.simple(name: name, path: directory.file("\(folder)/web01.qcow2"))
    }

    @Test(arguments: DiskBus.allCases) func itStarts(bus: DiskBus) throws {
        var machine = machine()
        machine.bus = bus
        machine.disks.append(.init(path: directory.file("images/data.raw"), format: .raw))
        machine.adapters = [Machines.addresses[0], nil]
        machine.memory = 64 << 20
        let script = try write(machine)
        let result = try Tool.run(
            "sh",
            [
                script, "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
                // The adapters' own firmware, which looks for a server to boot from, takes longest.
                "-global", "virtio-net-pci.romfile=",
            ])
        #expect(result.status == 0 && result.output.contains(Self.message), "\(result)")
    }

    /// What QEMU says of a machine that it has made and not started.
    private func ask(_ script: String, _ questions: [String]) throws -> [Any] {
        let commands = (["qmp_capabilities"] + questions + ["quit"]).map { "{\"execute\": \"\($0)\"}" }
        let result = try Tool.run(
            "sh",
            [
                "-c", #"script=$1; shift; printf '%s\n' "$@" | sh "$script" -S -display none -serial none -qmp stdio"#,
                "sh",
                script,
            ] + commands)
        try #require(result.status == 0, "\(result)")
        let answers = result.output.split(whereSeparator: \.isNewline).compactMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["return"]
        }
        // The first tells nothing, and the last may come after the end.
        try #require(answers.count > questions.count, "\(result)")
        return answers.dropFirst().prefix(questions.count).map { $0 }
    }

    @Test func itHasWhatTheMachineHas() throws {
        var machine = machine()
        (machine.sockets, machine.cores, machine.memory) = (2, 3, 96 << 20)
        machine.adapters = [Machines.addresses[0], Machines.addresses[1]]
        let answers = try ask(try write(machine), ["query-cpus-fast", "query-memory-size-summary", "query-rx-filter"])
        #expect((answers[0] as? [Any])?.count == 6)
        #expect((answers[1] as? [String: Int])?["base-memory"] == 96 << 20)
        #expect((answers[2] as? [[String: Any]])?.map { $0["main-mac"] as? String } == machine.adapters)
    }

    @Test(arguments: Machines.hostileFiles) func anyNameIsText(text: String) throws {
        let folder = text.replacing("/", with: "-")
        var machine = machine(in: folder, name: text)
        machine.disks[0].path = directory.file("\(folder)/\(folder).qcow2")
        let answers = try ask(try write(machine), ["query-name", "query-named-block-nodes"])
        let name = folder.filter { $0 == " " || !$0.isWhitespace }.trimmingCharacters(in: .whitespaces)
        #expect((answers[0] as? [String: String])?["name"] == name)
        let files = (answers[1] as? [[String: Any]])?.compactMap { $0["file"] as? String } ?? []
        #expect(files.contains("\(folder).qcow2"), "\(files)")
        #expect(directory.names.sorted() == [folder, "raw"].sorted())
    }

    /// With the firmware and its variables, which are kept beside the disk.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/share/OVMF/OVMF_CODE_4M.fd")))
    func itHasUEFI() throws {
        var machine = machine()
        machine.firmware = .uefi
        machine.disks[0].path = directory.file("web,01.qcow2")
        let answers = try ask(try write(machine), ["query-named-block-nodes"])
        let files = (answers[0] as? [[String: Any]])?.compactMap { $0["file"] as? String } ?? []
        #expect(files.contains("/usr/share/OVMF/OVMF_CODE_4M.fd") && files.contains("web,01-vars.fd"), "\(files)")
        #expect(directory.names.contains("web,01-vars.fd"))
    }
}
