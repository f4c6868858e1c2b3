extension Unicode.Scalar {
    /// The one character that this is in upper case; itself if there is none, or several.
    var upperCased: Unicode.Scalar {
        if isASCII { return (0x61...0x7A).contains(value) ? Unicode.Scalar(UInt8(value) - 0x20) : self }
        return single(properties.uppercaseMapping)
    }

    /// The one character that this is in lower case.
    var lowerCased: Unicode.Scalar { single(properties.lowercaseMapping) }

    private func single(_ mapping: String) -> Unicode.Scalar {
        let scalars = mapping.unicodeScalars
        return scalars.count == 1 ? scalars.first ?? self : self
    }
}

extension String {
    /// Equal for names that differ in case only, character by character as Windows compares them.
    var caseFolded: [Unicode.Scalar] { unicodeScalars.map(\.upperCased) }
}
