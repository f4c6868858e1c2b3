/// A descriptor that can't be understood: which line (counted from 1), and why.
struct DescriptorError: Error, Equatable {
    var line: Int
    var message: String
}

extension Descriptor {
    /// Whether bytes that are in no binary format are a descriptor: text with a `createType` key, an extent line, or the
    /// customary comment.
    static func isRecognisable(_ prefix: [UInt8]) -> Bool {
        // What follows the first NUL says nothing: QEMU leaves the rest of a longer text there when it changes the CID.
        DescriptorText(prefix).lines.contains { line in
            line.text.lowercased().hasPrefix("# disk descriptorfile")
                || keyAndValue(line.text)?.key.lowercased() == "createtype"
                || (try? ExtentLine(parsing: line.text, number: 0)) != nil
        }
    }

    /// Parses a descriptor; whatever real software writes is accepted: any line ends, blanks around `=`, any case of
    /// keywords, a byte-order mark, keys in any order, names in any encoding. The text ends at the first NUL.
    init(parsing bytes: some Collection<UInt8>) throws(DescriptorError) {
        for (number, line) in DescriptorText(bytes).lines.enumerated() where !line.text.hasPrefix("#") {
            if line.text.isEmpty { continue }
            if var extent = try ExtentLine(parsing: line.text, number: number + 1) {
                extent.rawFileName = line.bytes.flatMap(Self.quoted)
                extents.append(extent)
            } else if let (key, value) = Self.keyAndValue(line.text) {
                try assign(value, to: key, line: number + 1)
                if key.lowercased() == "parentfilenamehint" {
                    rawParentFileNameHint = line.bytes.flatMap(Self.quoted)
                }
            } else {
                throw DescriptorError(line: number + 1, message: "\"\(line.text)\" is neither a key nor an extent")
            }
        }
    }

    /// What is between the first and the last quote of a line. No encoding that descriptors are in has a quote as the
    /// second byte of a character.
    private static func quoted(_ line: [UInt8]) -> [UInt8]? {
        let quote = UInt8(ascii: "\"")
        guard let first = line.firstIndex(of: quote), let last = line.lastIndex(of: quote), first < last else {
            return nil
        }
        return Array(line[(first + 1)..<last])
    }

    private mutating func assign(_ value: String, to key: String, line: Int) throws(DescriptorError) {
        func identifier() throws(DescriptorError) -> UInt32 {
            guard let number = UInt32(value, radix: 16) else {
                throw DescriptorError(
                    line: line, message: "\(key) is not a hexadecimal number of 32 bits: \"\(value)\"")
            }
            return number
        }
        switch key.lowercased() {
        case "cid": contentID = try identifier()
        case "parentcid": parentContentID = try identifier()
        case "parentfilenamehint": parentFileNameHint = value.isEmpty ? nil : value
        case "createtype": createType = value
        case let name where name.hasPrefix("ddb."): database.append((key, value))
        default: break  // version, encoding, isNativeSnapshot, changeTrackPath: nothing that changes the data
        }
    }

    /// Splits `key = "value"`; quotes around the value are optional.
    static func keyAndValue(_ line: String) -> (key: String, value: String)? {
        guard let equals = line.firstIndex(of: "=") else { return nil }
        let key = line[..<equals].trimmingBlanks
        var value = line[line.index(after: equals)...].trimmingBlanks
        guard !key.isEmpty, !key.contains("\"") else { return nil }
        if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") { value = value.dropFirst().dropLast() }
        return (String(key), String(value))
    }
}

extension ExtentLine {
    /// - Returns: nil if the line does not start with an access word.
    init?(parsing line: String, number: Int) throws(DescriptorError) {
        func invalid(_ message: String) -> DescriptorError {
            DescriptorError(line: number, message: "\(message): \"\(line)\"")
        }
        // The name goes from the first quote to the last: it may itself contain quotes and blanks.
        let open = line.firstIndex(of: "\"")
        let close = line.lastIndex(of: "\"")
        let head = line[..<(open ?? line.endIndex)].split(whereSeparator: \.isBlank)
        guard let word = head.first, let access = Access(rawValue: word.uppercased()) else { return nil }
        guard head.count == 3, let sectors = UInt64(head[1]) else {
            throw invalid("an extent line needs an access, a size in sectors and a type")
        }
        guard let kind = Kind(rawValue: head[2].uppercased()) else {
            throw invalid("the extent type \(head[2]) is not known")
        }
        self.access = access
        self.sectors = sectors
        self.kind = kind
        offset = 0
        guard let open, let close else {
            guard kind == .zero else { throw invalid("the extent has no file name") }
            return
        }
        guard open < close else { throw invalid("the file name has no closing quote") }
        fileName = String(line[line.index(after: open)..<close])
        // What follows a flat extent's offset names a partition or device and says nothing about the data.
        if let first = line[line.index(after: close)...].split(whereSeparator: \.isBlank).first {
            guard let start = UInt64(first) else { throw invalid("the offset is not a number of sectors") }
            offset = start
        }
    }
}

extension Character {
    fileprivate var isBlank: Bool { self == " " || self == "\t" }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var text = drop(while: \.isBlank)
        while text.last?.isBlank == true { text.removeLast() }
        return text
    }
}
