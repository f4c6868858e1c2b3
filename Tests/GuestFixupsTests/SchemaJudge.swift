import Foundation
import TestSupport
import Testing

/// docs/manifest.schema.json, applied by Python's jsonschema.
struct SchemaJudge {
    static let isThere = (try? Tool.run("python3", ["-c", "import jsonschema, yaml"]).status) == 0

    private static let project = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    func builtInFiles() throws -> [String] {
        let folder = Self.project.appending(path: "Sources/GuestFixups/Resources").path
        return try FileManager.default.contentsOfDirectory(atPath: folder).map { "\(folder)/\($0)" }
    }

    func accepts(text: String) throws -> Bool {
        try accepts(file: try directory.write(Array(text.utf8), to: "manifest.yaml"))
    }

    func accepts(file: String) throws -> Bool {
        let program = """
            import json, jsonschema, sys, yaml
            try:
                jsonschema.validate(yaml.safe_load(open(sys.argv[1])), json.load(open(sys.argv[2])))
            except jsonschema.ValidationError:
                sys.exit(9)
            """
        let schema = Self.project.appending(path: "docs/manifest.schema.json").path
        let result = try Tool.run("python3", ["-c", program, file, schema])
        try #require([0, 9].contains(result.status), "\(result.error)")
        return result.status == 0
    }

    /// Whether it is YAML at all.
    static func parses(_ text: String) throws -> Bool {
        let program = "import sys, yaml; yaml.safe_load(sys.argv[1])"
        return try Tool.run("python3", ["-c", program, text]).status == 0
    }
}
