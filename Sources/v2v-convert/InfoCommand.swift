import ArgumentParser
import V2VConvert

/// `v2v-convert info IMG`.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tell what an image's metadata says about it.",
        discussion: """
            EXAMPLES:
              v2v-convert info web01.vmdk
              v2v-convert info --output json web01.vmdk
            """)

    enum OutputKind: String, ExpressibleByArgument, CaseIterable {
        case human
        case json
    }

    @Argument(help: "The image.", completion: .file())
    var image: String

    @Option(
        name: [.customShort("f"), .long],
        help: "Format of the image: vmdk, qcow2, vdi, vpc (VHD), vhdx, raw, ova, ovf or vmx. Default: its content.")
    var format: String?

    @Option(name: .long, help: "Kind of output: human or json, with the keys of qemu-img info.")
    var output: OutputKind = .human

    @Flag(name: [.customShort("U"), .long], help: "Read an image that another process may be writing.")
    var forceShare = false

    @Flag(name: .long, help: "Follow references of the image to files outside its directory, and to devices.")
    var allowOutsideFiles = false

    @Option(name: .long, help: "Size of a VHD: current (the footer's) or chs (its geometry's, as for Virtual PC).")
    var vhdSize = VHDSize.current

    func run() throws {
        var source = DiskImageSource(path: image, format: format.map(ImageFormat.init(named:)))
        source.ignoresLocks = forceShare
        source.allowsOutsideFiles = allowOutsideFiles
        source.vhdSize = vhdSize
        do {
            let info = try source.info()
            switch output {
            case .json: try JSONOutput.print(info)
            case .human: try Terminal.result(Self.text(info) + "\n")
            }
        } catch let error as ImageError {
            if output == .json { try JSONOutput.print(error) }
            throw error
        }
    }

    private static func text(_ info: ImageInfo) -> String {
        var lines = ["image: \(info.filename)", "file format: \(info.format.rawValue)"]
        if let subformat = info.subformat { lines.append("subformat: \(subformat)") }
        lines.append("virtual size: \(Size.text(info.virtualSize)) (\(info.virtualSize) bytes)")
        lines.append("disk size: \(Size.text(info.actualSize))")
        if info.encrypted == true { lines.append("encrypted: yes") }
        if let clusterSize = info.clusterSize { lines.append("cluster_size: \(clusterSize)") }
        if let backing = info.backingFilename { lines.append("backing file: \(backing)") }
        if let format = info.backingFormat { lines.append("backing file format: \(format.rawValue)") }
        if !info.formatSpecific.isEmpty {
            lines.append("Format specific information:")
            lines += Self.lines(info.formatSpecific, indentation: 4)
        }
        lines += info.warnings.map { "warning: \($0)" }
        return lines.joined(separator: "\n")
    }

    private static func lines(_ members: [(key: String, value: InfoValue)], indentation: Int) -> [String] {
        let blanks = String(repeating: " ", count: indentation)
        return members.flatMap { key, value -> [String] in
            switch value {
            case .string(let text): return ["\(blanks)\(key): \(text)"]
            case .integer(let number): return ["\(blanks)\(key): \(number)"]
            case .boolean(let flag): return ["\(blanks)\(key): \(flag)"]
            case .object(let inner): return ["\(blanks)\(key):"] + lines(inner, indentation: indentation + 4)
            case .list(let values):
                let items = values.enumerated().map { (key: "[\($0)]", value: $1) }
                return ["\(blanks)\(key):"] + lines(items, indentation: indentation + 4)
            }
        }
    }
}
