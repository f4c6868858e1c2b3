import Foundation
import GuestFixups
import TestSupport
import Testing

@Suite struct ManifestTests {
    @Test func theBuiltInManifestsAreSound() throws {
        let manifests = try ManifestSet.builtIn()
        #expect(manifests.count == 12)
        #expect(Set(manifests.map(\.name)).count == manifests.count)
    }

    @Test func laterManifestsReplaceThoseOfTheSameName() throws {
        func manifest(_ name: String, order: Int, summary: String) throws -> Manifest {
            try Manifest("schema: 1\nname: \(name)\nsummary: \(summary)\norder: \(order)\nactions: []", file: "x.yaml")
        }
        let set = ManifestSet([
            try manifest("b", order: 1, summary: "old"), try manifest("a", order: 1, summary: "a"),
            try manifest("c", order: 0, summary: "c"), try manifest("b", order: 2, summary: "new"),
        ])
        #expect(set.manifests.map(\.name) == ["c", "a", "b"])
        #expect(set.manifests.map(\.summary) == ["c", "a", "new"])
    }

    /// Each with the line and the key that the error must name.
    private static let mistakes: [(text: String, line: Int?, key: String)] = [
        ("", nil, ""),
        ("schema: [", 2, ""),
        ("- a", 1, ""),
        ("name: a\nsummary: b\nactions: []", 1, ""),
        ("schema: 2\nname: a\nsummary: b\nactions: []", 1, "schema"),
        ("schema: 1\nname: a\nsummary: b\nacions: []", 4, "acions"),
        ("schema: 1\nname: a\nsummary: b\nmatch:\n  os: windows\nactions: []", 5, "match.os"),
        ("schema: 1\nname: a\nsummary: b\nmatch:\n  version: 9\nactions: []", 5, "match.version"),
        ("schema: 1\nname: a\nsummary: b\nmatch:\n  has: [/a, b]\nactions: []", 5, "match.has.2"),
        ("schema: 1\nname: a\nsummary: b\nmatch: {firmware: efi}\nactions: []", 4, "match.firmware"),
        ("schema: 1\nname: a\nsummary: b\nmatch:\n  tool: vmtoolsd\nactions: []", 5, "match.tool"),
        (
            "schema: 1\nname: a\nsummary: b\nactions:\n  - rename-interfaces:\n      eth0: lan0", 6,
            "actions.1.rename-interfaces.eth0"
        ),
        (
            "schema: 1\nname: a\nsummary: b\nactions:\n  - replace-parameter: {name: console, with: ttyS0}", 5,
            "actions.1.replace-parameter"
        ),
        ("schema: 1\nname: a\nsummary: b\nactions:\n  - reboot", 5, "actions.1"),
        (
            "schema: 1\nname: a\nsummary: b\nactions:\n  - write-file:\n      path: /a/../b\n      content: x", 6,
            "actions.1.write-file.path"
        ),
        ("schema: 1\nname: a\nsummary: b\nactions:\n  - write-file:\n      path: /a", 6, "actions.1.write-file"),
        (
            "schema: 1\nname: a\nsummary: b\nactions:\n  - write-file:\n      path: /a\n      content: x\n      permissions: 999",
            8,
            "actions.1.write-file.permissions"
        ),
        (
            "schema: 1\nname: a\nsummary: b\nactions:\n  - replace-text:\n      path: /a\n      pth: /b", 7,
            "actions.1.replace-text.pth"
        ),
        ("schema: 1\nname: a\nsummary: b\nactions:\n  - remove-file: [/a]", 5, "actions.1.remove-file"),
    ]

    @Test(arguments: mistakes.indices) func anErrorNamesLineAndKey(_ index: Int) throws {
        let (text, line, key) = Self.mistakes[index]
        let error = #expect(throws: ManifestError.self) { try Manifest(text, file: "rule.yaml") }
        #expect(error?.line == line)
        #expect(error?.key == key)
        #expect(error?.description.hasPrefix("rule.yaml") == true)
    }

    /// The schema that is published says of every one of these the same as we do.
    @Test(.enabled(if: SchemaJudge.isThere, "needs Python with jsonschema and yaml"))
    func theSchemaAgrees() throws {
        let judge = try SchemaJudge()
        for manifest in try judge.builtInFiles() { #expect(try judge.accepts(file: manifest)) }
        for (text, _, _) in Self.mistakes where (try? SchemaJudge.parses(text)) == true {
            #expect(try !judge.accepts(text: text), "\(text)")
        }
    }
}
