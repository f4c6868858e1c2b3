import Foundation
import MachineDefinition
import TestSupport
import Testing

/// KubeVirt's schema is part of its releases, which tests do not fetch. kubevirt.schema.json has the fields that
/// https://kubevirt.io/api-reference/ documents for what is used here, and allows no others; PyYAML and jsonschema apply it.
@Suite(.enabled(if: (try? Tool.run("python3", ["-c", "import jsonschema, yaml"]).status) == 0))
struct KubeVirtMachineTests {
    private static let schema = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "kubevirt.schema.json"
    ).path

    /// What YAML makes of it, as JSON; throws unless the schema takes that.
    private func read(_ machine: VirtualMachine) throws -> [String: Any] {
        let program = """
            import json, jsonschema, sys, yaml
            document = yaml.safe_load(sys.argv[1])
            jsonschema.Draft202012Validator(json.load(open(sys.argv[2]))).validate(document)
            print(json.dumps(document))
            """
        let text = try DefinitionFormat.kubevirt.text(of: machine)
        let json = try Tool.check("python3", ["-c", program, text, Self.schema])
        return try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }

    private func domain(_ document: [String: Any]) throws -> [String: Any] {
        let spec = try #require(document["spec"] as? [String: Any])
        let template = try #require((spec["template"] as? [String: Any])?["spec"] as? [String: Any])
        #expect((template["volumes"] as? [Any])?.count == 2)
        return try #require(template["domain"] as? [String: Any])
    }

    @Test(arguments: Machines.all) func theSchemaTakesIt(machine: VirtualMachine) throws {
        let domain = try domain(try read(machine))
        #expect((domain["memory"] as? [String: String])?["guest"] == "3072Mi")
        #expect((domain["cpu"] as? [String: Int]) == ["sockets": 2, "cores": 4])
        let bootloader = (domain["firmware"] as? [String: [String: Any]])?["bootloader"]
        #expect(bootloader?.keys.first == (machine.firmware == .uefi ? "efi" : "bios"))
        let devices = try #require(domain["devices"] as? [String: Any])
        #expect((devices["useVirtioTransitional"] as? Bool ?? false) == machine.needsTransitionalDevices)
        let disks = try #require(devices["disks"] as? [[String: Any]])
        #expect(
            disks.map { ($0["disk"] as? [String: String])?["bus"] }
                == [String](repeating: machine.bus == .virtioSCSI ? "scsi" : "virtio", count: 2))
        let interfaces = devices["interfaces"] as? [[String: Any]] ?? []
        #expect(interfaces.map { $0["macAddress"] as? String } == machine.adapters)
    }

    /// A name of Kubernetes (RFC 1123), and a text: not a number, and not true.
    @Test(arguments: Machines.hostileNames + ["", "-", String(repeating: "a-", count: 99), "ﬀ", "\u{212A}elvin"])
    func anyNameBecomesALabel(name: String) throws {
        let document = try read(Machines.simple(name: name))
        let label = try #require((document["metadata"] as? [String: Any])?["name"] as? String)
        #expect(label.wholeMatch(of: /[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/) != nil)
    }
}
