import Glibc

/// The lines of a descriptor, decoded.
struct DescriptorText {
    struct Line {
        var text: String
        /// The bytes, if ``text`` is not what they are as UTF-8.
        var bytes: [UInt8]?
    }

    private(set) var lines: [Line] = []

    /// Splits `bytes` up to the first NUL; LF, CR and CRLF all end a line (an empty one between CR and LF is harmless).
    /// Surrounding blanks are dropped. Lines with other bytes than ASCII are decoded as the descriptor's own `encoding`
    /// says, which may be in any line, or as UTF-8 if it says nothing that is known.
    init(_ bytes: some Collection<UInt8>) {
        let content = bytes.prefix { $0 != 0 }
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = content.starts(with: byteOrderMark) ? content.dropFirst(3) : content.dropFirst(0)
        let kept = text.split(omittingEmptySubsequences: false) { $0 == 0x0A || $0 == 0x0D }.map { line in
            let trimmed = line.drop(while: Self.isBlank)
            return Array(trimmed.prefix(trimmed.count - trimmed.reversed().prefix(while: Self.isBlank).count))
        }
        lines = kept.map { Line(text: String(validating: $0, as: UTF8.self) ?? "", bytes: nil) }
        let foreign = kept.indices.filter { !kept[$0].allSatisfy { $0 < 0x80 } }
        guard !foreign.isEmpty else { return }
        let encoding = lines.lazy.compactMap { Self.encoding($0.text) }.first
        for index in foreign {
            if let decoded = encoding.flatMap({ Self.decode(kept[index], from: $0) }) {
                lines[index] = Line(text: decoded, bytes: kept[index])
            } else if lines[index].text.isEmpty {
                // Each byte a character, as in Latin-1, keeps the rest of the line legible.
                let text = String(String.UnicodeScalarView(kept[index].map { Unicode.Scalar($0) }))
                lines[index] = Line(text: text, bytes: kept[index])
            }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The name of the encoding, if the line sets it.
    private static func encoding(_ line: String) -> String? {
        guard let (key, value) = Descriptor.keyAndValue(line) else { return nil }
        return ["encoding", "ddb.encoding"].contains(key.lowercased()) ? value : nil
    }

    /// The encodings that VMware writes, and those of its other languages, by what the C library calls them. A closed
    /// list: converters for arbitrary encodings have had their share of holes (CVE-2024-2961).
    private static let encodings = [
        "windows-1250": "CP1250", "windows-1251": "CP1251", "windows-1252": "CP1252", "iso-8859-1": "CP1252",
        "gbk": "GBK", "gb2312": "GBK", "gb18030": "GB18030", "windows-936": "GBK", "cp936": "GBK",
        "big5": "BIG5", "windows-950": "BIG5", "cp950": "BIG5",
        // Microsoft's Shift_JIS, in which a backslash is one.
        "shift_jis": "CP932", "shift-jis": "CP932", "windows-31j": "CP932", "windows-932": "CP932", "cp932": "CP932",
        "euc-kr": "UHC", "windows-949": "UHC", "cp949": "UHC",
    ]

    /// Decodes by the C library's tables.
    /// - Returns: nil if the encoding is not known or the bytes are not in it.
    private static func decode(_ bytes: [UInt8], from encoding: String) -> String? {
        guard let name = encodings[encoding.lowercased()] else { return nil }
        let converter = unsafe iconv_open("UTF-8", name)
        guard unsafe converter != iconv_t(bitPattern: -1) else { return nil }
        defer { unsafe _ = iconv_close(converter) }
        var source = bytes.map { CChar(bitPattern: $0) }
        // No encoding takes more than four bytes of UTF-8 for one of its own.
        var target = [CChar](repeating: 0, count: source.count * 4)
        var sourceLeft = source.count
        var targetLeft = target.count
        let status = unsafe source.withUnsafeMutableBufferPointer { source in
            unsafe target.withUnsafeMutableBufferPointer { target in
                // Safe: both are passed with their lengths, and iconv moves its own copies of the pointers.
                var input = source.baseAddress
                var output = target.baseAddress
                return unsafe iconv(converter, &input, &sourceLeft, &output, &targetLeft)
            }
        }
        guard status != size_t.max else { return nil }
        return String(
            validating: target[..<(target.count - targetLeft)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
