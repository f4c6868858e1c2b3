import ArgumentParser
import V2VConvert

/// `v2v-convert map IMG`.
struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Tell where the ranges of a disk are stored.",
        discussion: """
            EXAMPLES:
              v2v-convert map --output json web01.qcow2
              v2v-convert map --start-offset 1M --max-length 64k web01.qcow2
            """)

    @Argument(help: "The image.", completion: .file())
    var image: String

    @Option(name: [.customShort("f"), .long], help: "Format of the image. Default: its content.")
    var format: String?

    @Option(name: .long, help: "Kind of output: human (stored data only) or json, as qemu-img map prints them.")
    var output: OutputKind = .human

    @Option(name: [.customShort("s"), .long], help: "Where on the disk to start.")
    var startOffset: Size?

    @Option(name: [.customShort("l"), .long], help: "Bytes of disk to map. Default: to the end.")
    var maxLength: Size?

    @OptionGroup var access: SourceOptions

    func run() throws {
        let start = UInt64(startOffset?.bytes ?? 0)
        var map = try AllocationMap(
            of: access.source(image, format: format), from: start, length: maxLength.map { UInt64($0.bytes) })
        switch output {
        case .human: try Self.printTable(&map)
        case .json: try Self.printJSON(&map, start: start)
        }
    }

    private static func printTable(_ map: inout AllocationMap) throws(ImageError) {
        try Terminal.result("Offset          Length          Mapped to       File\n")
        while let entry = try map.next() {
            guard entry.isData, !entry.isZero else { continue }
            guard let offset = entry.offset else {
                throw ImageError(
                    .inputUnsupported, "the disk has compressed data, which is at no offset of a file",
                    advice: "--output json maps it all the same")
            }
            let columns = [entry.start, entry.length, offset].map { number in
                let text = number == 0 ? "0" : "0x" + String(number, radix: 16)
                return text + String(repeating: " ", count: max(0, 16 - text.count))
            }
            try Terminal.result(columns.joined() + "\(entry.path ?? "")\n")
        }
    }

    /// An entry a line, as they are found: a disk may have more than fit into memory.
    private static func printJSON(_ map: inout AllocationMap, start: UInt64) throws(ImageError) {
        // Nothing to map is an entry of no bytes.
        var text = "[" + (try map.next().map(Self.text) ?? Self.text(.nothing(at: start)))
        while let entry = try map.next() {
            text += ",\n" + Self.text(entry)
            if text.utf8.count > 32 << 10 {
                try Terminal.result(text)
                text = ""
            }
        }
        try Terminal.result(text + "]\n")
    }

    private static func text(_ entry: AllocationMap.Entry) -> String {
        "{ \"start\": \(entry.start), \"length\": \(entry.length), \"depth\": \(entry.depth), "
            + "\"present\": \(entry.isPresent), \"zero\": \(entry.isZero), \"data\": \(entry.isData)"
            + (entry.offset.map { ", \"offset\": \($0)" } ?? "") + "}"
    }
}

extension AllocationMap.Entry {
    static func nothing(at start: UInt64) -> Self {
        Self(start: start, length: 0, depth: 0, isPresent: false, isZero: false, isData: false)
    }
}
