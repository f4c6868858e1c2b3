import V2VConvert

/// An image's description for people, as `qemu-img info` prints it.
enum InfoText {
    static func text(_ info: ImageInfo) -> String {
        var lines = ["image: \(info.filename)", "file format: \(info.format.rawValue)"]
        if let subformat = info.subformat { lines.append("subformat: \(subformat)") }
        lines.append("virtual size: \(Size.text(info.virtualSize)) (\(info.virtualSize) bytes)")
        lines.append("disk size: \(Size.text(info.actualSize))")
        if info.encrypted == true { lines.append("encrypted: yes") }
        if let clusterSize = info.clusterSize { lines.append("cluster_size: \(clusterSize)") }
        if info.dirty == true { lines.append("cleanly shut down: no") }
        if let backing = info.backingFilename, let full = info.fullBackingFilename {
            lines.append("backing file: \(backing)" + (full == backing ? "" : " (actual path: \(full))"))
        }
        if let format = info.backingFormat { lines.append("backing file format: \(format.rawValue)") }
        lines += SnapshotTable.lines(info.snapshots)
        if !info.formatSpecific.isEmpty {
            lines.append("Format specific information:")
            lines += Self.lines(info.formatSpecific, indentation: 4)
        }
        lines += info.warnings.map { "warning: \($0)" }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func lines(_ members: [(key: String, value: InfoValue)], indentation: Int) -> [String] {
        members.flatMap { key, value -> [String] in
            let name = String(repeating: " ", count: indentation) + key.map { $0 == "-" ? " " : String($0) }.joined()
            switch value {
            case .string(let text): return ["\(name): \(text)"]
            case .integer(let number): return ["\(name): \(number)"]
            case .boolean(let flag): return ["\(name): \(flag)"]
            case .object(let inner): return ["\(name):"] + lines(inner, indentation: indentation + 4)
            case .list(let values):
                let items = values.enumerated().map { (key: "[\($0)]", value: $1) }
                return ["\(name):"] + lines(items, indentation: indentation + 4)
            }
        }
    }
}
