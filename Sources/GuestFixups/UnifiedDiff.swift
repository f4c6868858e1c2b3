/// The difference between two texts as `diff -u` shows it.
enum UnifiedDiff {
    /// Lines around a change.
    private static let context = 3
    /// Longer texts are no configuration that a person wrote, and finding the difference would take long.
    private static let maximumLines = 5000
    private static let maximumLength = 1 << 20
    private static let maximumDifference = 1000

    /// Nil if one of them is no text, or too long.
    static func of(_ before: [UInt8], _ after: [UInt8]) -> String? {
        guard max(before.count, after.count) <= maximumLength else { return nil }
        guard let old = lines(before), let new = lines(after), max(old.count, new.count) <= maximumLines else {
            return nil
        }
        guard let steps = script(old, new) else { return nil }
        var text = ""
        var position = 0
        while let first = steps[position...].firstIndex(where: { $0.mark != " " }) {
            // The hunk ends where more than twice the context is the same.
            var end = first + 1
            var same = 0
            for index in end..<steps.count {
                same = steps[index].mark == " " ? same + 1 : 0
                if same > 2 * context { break }
                if same == 0 { end = index + 1 }
            }
            let range = max(position, first - context)..<min(steps.count, end + context)
            text += header(steps, range) + steps[range].map { "\($0.mark)\($0.line)\n" }.joined()
            position = range.upperBound
        }
        return text
    }

    private typealias Step = (mark: String, line: String)

    private static func lines(_ bytes: [UInt8]) -> [String]? {
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    private static func script(_ old: [String], _ new: [String]) -> [Step]? {
        // Changes are near each other, and finding the difference takes time and memory by what is not the same.
        let start = zip(old, new).prefix { $0 == $1 }.count
        let end = zip(old[start...].reversed(), new[start...].reversed()).prefix { $0 == $1 }.count
        guard max(old.count, new.count) - start - end <= maximumDifference else { return nil }
        let difference = new[start..<new.count - end].difference(from: old[start..<old.count - end])
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(start + offset)
            case .insert(let offset, _, _): inserted.insert(start + offset)
            }
        }
        var steps: [Step] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, removed.contains(i) {
                steps.append(("-", old[i]))
                i += 1
            } else if j < new.count, inserted.contains(j) {
                steps.append(("+", new[j]))
                j += 1
            } else {
                steps.append((" ", old[i]))
                i += 1
                j += 1
            }
        }
        return steps
    }

    private static func header(_ steps: [Step], _ range: Range<Int>) -> String {
        func span(_ other: String) -> String {
            let before = steps[..<range.lowerBound].count { $0.mark != other }
            let count = steps[range].count { $0.mark != other }
            return "\(count == 0 ? before : before + 1),\(count)"
        }
        return "@@ -\(span("+")) +\(span("-")) @@\n"
    }
}
