import Foundation

/// What a check says: ours or qemu-img's.
package struct CheckResult: Equatable, CustomStringConvertible {
    package var status: Int32
    /// The counts, 0 where they are left out.
    package var counts: [String: Int]
    /// What was printed on standard error.
    package var findings: String

    package static let keys = [
        "corruptions", "leaks", "corruptions-fixed", "leaks-fixed", "total-clusters", "allocated-clusters",
        "fragmented-clusters", "compressed-clusters", "image-end-offset",
    ]

    package static func ours(_ path: String, _ options: [String] = []) throws -> CheckResult {
        try CheckResult(Tool.run(Tool.converter, ["check", "--output=json"] + options + [path]))
    }

    package static func theirs(_ path: String, _ options: [String] = [], format: String = "qcow2") throws -> CheckResult
    {
        try CheckResult(Tool.run("qemu-img", ["check", "-f", format, "--output=json"] + options + [path]))
    }

    private init(_ result: Tool.Result) throws {
        status = result.status
        findings = result.error
        let object = try? JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        counts = Dictionary(uniqueKeysWithValues: Self.keys.map { ($0, object?[$0] as? Int ?? 0) })
    }

    package var corruptions: Int { counts["corruptions"] ?? 0 }
    package var leaks: Int { counts["leaks"] ?? 0 }

    /// Texts differ.
    package static func == (left: Self, right: Self) -> Bool {
        left.status == right.status && left.counts == right.counts
    }

    package var description: String { "status \(status), \(counts.filter { $0.value > 0 })\n\(findings)" }
}
