import DiskImage
import Foundation
import GuestFixups

/// A guest in a text file: see Guests/README.md.
struct GuestFile {
    let name: String
    private(set) var files: [String: String] = [:]
    private(set) var initramfsFiles: [String: String] = [:]
    private(set) var kernels: [PhonyKernel] = []
    private(set) var adapters: [NetworkAdapter] = []
    private(set) var bindings: [NameBinding] = []
    private(set) var naming = Fixup.InterfaceNaming.keep

    struct Mistake: Error {
        var file: String
        var line: String
    }

    private static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Guests")

    /// The names of all guests, in order.
    static var all: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return names.filter { $0.hasSuffix(".guest") }.map { String($0.dropLast(".guest".count)) }.sorted()
    }

    /// What is expected to become of it.
    var expectation: String? {
        try? String(contentsOf: Self.directory.appending(path: "\(name).expected"), encoding: .utf8)
    }

    /// Where what has become of it can be kept, for someone to review.
    var outcome: URL { Self.directory.appending(path: "\(name).outcome") }

    init(_ name: String) throws {
        self.name = name
        let text = try String(contentsOf: Self.directory.appending(path: "\(name).guest"), encoding: .utf8)
        let sections = ("\n" + text).components(separatedBy: "\n==> ")
        for line in sections[0].split(separator: "\n") where !line.hasPrefix("#") { try addFact(String(line)) }
        for section in sections.dropFirst() {
            let end = section.firstIndex(of: "\n")
            let heading = section[..<(end ?? section.endIndex)].components(separatedBy: " -> ")
            var content = end.map { String(section[section.index(after: $0)...]) } ?? ""
            if !content.isEmpty, !content.hasSuffix("\n") { content += "\n" }
            // GRUB's environment block is filled up to 1024 bytes.
            if heading[0].hasSuffix("/grubenv") { content += String(repeating: "#", count: 1024 - content.utf8.count) }
            if heading.count == 2 { content = "→ \(heading[1])" }
            if heading[0].hasPrefix("initramfs:") {
                initramfsFiles[String(heading[0].dropFirst("initramfs:".count))] = content
            } else {
                files[heading[0]] = content
            }
        }
    }

    private mutating func addFact(_ line: String) throws {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case "kernel:" where words.count >= 2:
            kernels.append(try kernel(words.dropFirst(), line))
        case "adapter:" where words.count >= 2:
            adapters.append(NetworkAdapter(address: words[1], slot: words.count > 2 ? Int(words[2]) : nil))
        case "nic:" where words.count == 3:
            guard let binding = NameBinding(address: words[1], name: words[2]) else { fallthrough }
            bindings.append(binding)
        case "nic-names:" where words.count == 2:
            guard let naming = Fixup.InterfaceNaming(rawValue: words[1]) else { fallthrough }
            self.naming = naming
        default: throw Mistake(file: name, line: line)
        }
    }

    private func kernel(_ words: ArraySlice<String>, _ line: String) throws -> PhonyKernel {
        var kernel = PhonyKernel(version: words[words.startIndex])
        for word in words.dropFirst() {
            let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { throw Mistake(file: name, line: line) }
            let list = pair[1].split(separator: ",").map(String.init)
            switch pair[0] {
            case "initramfs": kernel.initramfs = pair[1]
            case "image": kernel.image = pair[1]
            case "builder":
                guard let builder = PhonyKernel.Builder(rawValue: pair[1]) else {
                    throw Mistake(file: name, line: line)
                }
                kernel.builder = builder
            case "reads": kernel.reads = list
            case "suffix": kernel.suffix = pair[1]
            case "built-in": kernel.builtIn = list
            case "lacks": kernel.lacks = list
            default: throw Mistake(file: name, line: line)
            }
        }
        return kernel
    }
}
