import Foundation

/// The independent judge: qemu-img.
package enum QEMU {
    /// Makes an image of `raw`.
    package static func convert(
        _ raw: String, to path: String, format: String, options: String = "", compress: Bool = false
    ) throws {
        if fileSize(raw) == 0 {
            // qemu-img can create empty images, but not convert to them.
            try Tool.check(
                "qemu-img", ["create", "-f", format] + (options.isEmpty ? [] : ["-o", options]) + [path, "0"])
            return
        }
        var arguments = ["convert", "-f", "raw", "-O", format]
        if !options.isEmpty { arguments += ["-o", options] }
        if compress { arguments.append("-c") }
        try Tool.check("qemu-img", arguments + [raw, path])
    }

    /// Makes an encrypted image with a secret of the id "key". Its key slot takes little time to open.
    ///
    /// For the number of iterations QEMU measures the processor, and gives up where other programs disturb it: then it is
    /// asked again.
    package static func encrypt(
        _ command: String, _ arguments: [String], secret: String, options: String
    ) throws {
        let iterations = options.contains("luks") ? ",encrypt.iter-time=10" : ""
        let arguments =
            [command, "--object", "secret,id=key,\(secret)", "-o", "encrypt.key-secret=key,\(options)\(iterations)"]
            + arguments
        for _ in 0..<50 {
            let result = try Tool.run("qemu-img", arguments)
            if result.error.contains("Unable to get accurate CPU usage") { continue }
            guard result.status == 0 else { throw Tool.Failure(command: "qemu-img \(command)", result: result) }
            return
        }
        throw Difference(description: "QEMU can't measure this processor")
    }

    /// Throws unless the two images have the same content and size.
    package static func requireIdentical(_ raw: String, _ path: String, format: String) throws {
        // The strict mode would also compare which ranges are allocated; without it a difference in size is only told.
        let verdict = try Tool.check("qemu-img", ["compare", "-f", "raw", "-F", format, raw, path])
        if verdict.contains("size mismatch") { throw Difference(description: "\(path): \(verdict)") }
    }

    /// Whether the two images have the same content.
    package static func areIdentical(_ raw: String, _ path: String, format: String) throws -> Bool {
        let result = try Tool.run("qemu-img", ["compare", "-f", "raw", "-F", format, raw, path])
        guard result.status < 2 else { throw Difference(description: "\(path): \(result.error)") }
        return result.status == 0
    }

    /// Throws unless the disk has `size` bytes, of which those in `pieces` are the given ones. For large VHDXs: QEMU takes
    /// their holes for data and would compare them all.
    package static func requireContent(
        _ path: String, format: String, size: Int, pieces: [(offset: Int, count: Int, byte: Int)]
    ) throws {
        let info = try Tool.check("qemu-img", ["info", "-f", format, path])
        guard info.contains("(\(size) bytes)") else { throw Difference(description: "\(path): \(info)") }
        let reads = pieces.flatMap { ["-c", "read -q -P \($0.byte) \($0.offset) \($0.count)"] }
        let output = try Tool.check("qemu-io", ["-r", "-f", format] + reads + [path])
        if output.contains("verification failed") { throw Difference(description: "\(path): \(output)") }
    }

    package struct Difference: Error, CustomStringConvertible {
        package var description: String
    }

    /// Throws unless `qemu-img check` finds neither errors nor leaks.
    package static func requireClean(_ path: String, format: String = "qcow2") throws {
        try Tool.check("qemu-img", ["check", "-f", format, path])
    }
}

extension String {
    /// The text with doubled slashes of paths made single: QEMU keeps them, we don't.
    package var plainPaths: String { replacingOccurrences(of: "//", with: "/") }
}
