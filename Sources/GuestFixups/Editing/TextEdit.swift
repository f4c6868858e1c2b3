/// Changes of configuration files that leave every byte alone that they are not about.
enum TextEdit {
    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    /// Replaces field `field`, counted from 0, of each line that is no comment by what `body` makes of its fields; nil leaves it.
    static func mapFields(_ bytes: [UInt8], field: Int, _ body: ([String]) -> String?) -> [UInt8] {
        mapLines(bytes) { line in
            let words = line.split { isBlank($0) || $0 == UInt8(ascii: "\r") }
            guard words.count > field, words[0].first != UInt8(ascii: "#"),
                let new = body(words.map { String(decoding: $0, as: UTF8.self) })
            else { return line }
            return Array(line[..<words[field].startIndex]) + Array(new.utf8) + Array(line[words[field].endIndex...])
        }
    }

    /// Replaces the value of each `NAME=value` whose name is one of `names`, wherever in a line it is: a kernel's command line is
    /// inside quotes in one file and behind a word in another. Comments are left alone, but the one of which Debian's update-grub
    /// makes the entries of GRUB 1.
    static func mapParameters(
        _ bytes: [UInt8], _ names: [String], _ body: (_ name: String, _ value: String) -> String?
    ) -> [UInt8] {
        let ends: Set<UInt8> = Set(" \t\r\"'\\;,".utf8)
        return mapLines(bytes) { line in
            guard line.drop(while: isBlank).first != UInt8(ascii: "#") || line.starts(with: Array("# kopt=".utf8))
            else {
                return line
            }
            var result: [UInt8] = []
            var position = line.startIndex
            while position < line.endIndex {
                let startsWord =
                    position == line.startIndex || ends.contains(line[position - 1]) || isEqualsSign(line, position - 1)
                let name = startsWord ? names.first { line[position...].starts(with: Array(($0 + "=").utf8)) } : nil
                guard let name else {
                    result.append(line[position])
                    position += 1
                    continue
                }
                var start = position + name.utf8.count + 1
                if start < line.endIndex, line[start] == UInt8(ascii: "\"") || line[start] == UInt8(ascii: "'") {
                    start += 1
                }
                let value = line[start...].prefix { !ends.contains($0) }
                result += line[position..<start]
                result += body(name, String(decoding: value, as: UTF8.self)).map { Array($0.utf8) } ?? Array(value)
                position = value.endIndex
            }
            return result
        }
    }

    /// `GRUB_CMDLINE_LINUX=root=…` without quotes, `kernelopts=root=…`.
    private static func isEqualsSign(_ line: [UInt8], _ position: Int) -> Bool { line[position] == UInt8(ascii: "=") }

    /// Replaces each line by what `body` makes of it.
    static func mapLines(_ bytes: [UInt8], _ body: ([UInt8]) -> [UInt8]) -> [UInt8] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { body(Array($0)) }
            .joined(separator: [UInt8(ascii: "\n")]).map { $0 }
    }

    /// Where in a line `NAME=value` of a file that shells read the value of `variable` is, without its quotes; nil if the line
    /// assigns no value to it.
    static func assignedValue(_ line: [UInt8], _ variable: String) -> Range<Int>? {
        var rest = line.drop(while: isBlank)
        if rest.starts(with: Array("export ".utf8)) { rest = rest.dropFirst("export ".utf8.count).drop(while: isBlank) }
        guard rest.starts(with: Array("\(variable)=".utf8)) else { return nil }
        rest = rest.dropFirst(variable.utf8.count + 1)
        // Bash has lists: `NAME=(a b)`.
        let ends: [UInt8: UInt8] = [
            UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "'"): UInt8(ascii: "'"),
            UInt8(ascii: "("): UInt8(ascii: ")"),
        ]
        if let first = rest.first, let last = ends[first] {
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(of: last) else { return nil }
            return rest.startIndex..<end
        }
        let word = rest.prefix { !isBlank($0) && $0 != UInt8(ascii: "\r") }
        // More words would need quotes that are not there.
        return word.isEmpty ? nil : word.startIndex..<word.endIndex
    }

    /// Replaces every occurrence of `find`, which isn't empty.
    static func replacing(_ bytes: [UInt8], _ find: [UInt8], with text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var position = 0
        while position < bytes.count {
            if bytes[position...].starts(with: find) {
                result += text
                position += find.count
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        return result
    }

    /// The text of a GRUB environment block with as many `#` behind it as make it `size` bytes; nil if it is longer.
    static func environmentBlock(_ bytes: [UInt8], size: Int) -> [UInt8]? {
        var text = bytes
        while text.last == UInt8(ascii: "#") { text.removeLast() }
        guard text.count <= size else { return nil }
        return text + [UInt8](repeating: UInt8(ascii: "#"), count: size - text.count)
    }
}
