/// What a directory says of a file: its names, and its short entry.
struct DirectoryEntry {
    /// As it is shown: the long name if there is one.
    var name: String
    /// The slots of the directory that it takes, the parts of the long name first, the short entry last.
    var slots: Range<Int>
    var short: ShortEntry

    /// Whether the file can be called `folded`, a name with its case folded: a file answers to its short name, too.
    func isCalled(_ folded: [Unicode.Scalar]) -> Bool {
        name.caseFolded == folded || short.name.text?.caseFolded == folded
    }
}
