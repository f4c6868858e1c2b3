extension String {
    /// Of a path: what follows the last dot of its last component, in lower case; nil if that has none.
    var pathExtension: String? {
        (split(separator: "/").last ?? "").split(separator: ".", omittingEmptySubsequences: false).dropFirst().last?
            .lowercased()
    }
}
