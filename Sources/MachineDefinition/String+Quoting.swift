/// What may come from the description of a virtual machine, or from the name of a file, and must not become anything but text.
extension String {
    /// In single quotes, within which the shell knows no other mark (POSIX, XCU 2.2.2).
    var shellQuoted: String { "'\(replacing("'", with: #"'\''"#))'" }

    /// As JSON has a text (RFC 8259, section 7), with quotes.
    var jsonQuoted: String {
        let escaped = unicodeScalars.map { scalar in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case "\0"..<" ": "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: String(scalar)
            }
        }
        return "\"\(escaped.joined())\""
    }

    /// For the text of an XML element or an attribute, in which a reader would make a blank of a tabulator. Of one line.
    var xmlEscaped: String {
        let escaped = unicodeScalars.map { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "'": "&apos;"
            case "\"": "&quot;"
            case "\t": "&#9;"
            default: String(scalar)
            }
        }
        return escaped.joined()
    }

    /// Whether XML 1.0 can have all of its characters, escaped or not (production 2).
    var isXMLText: Bool { unicodeScalars.allSatisfy(\.isXMLCharacter) }
}

extension Unicode.Scalar {
    var isXMLCharacter: Bool {
        switch self {
        case "\t", "\n", "\r", " "..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}": true
        default: false
        }
    }
}
