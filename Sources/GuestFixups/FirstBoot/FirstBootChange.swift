/// A change of a file that the filesystem does not let us make, but the guest itself can.
struct FirstBootChange: Equatable {
    enum Kind: Equatable {
        /// A file, if there is none yet.
        case create([UInt8], permissions: UInt16)
        /// A file or symbolic link goes away.
        case remove
    }

    var kind: Kind
    /// As the guest sees it.
    var path: String
    /// What is to be told if the guest can't be made to do it.
    var otherwise: FixupNote

    /// What is told if it can.
    var note: FixupNote {
        let verb = kind == .remove ? "removes" : "makes"
        return FixupNote(
            .firstBoot, "\(path): the guest \(verb) it when it boots first, for its filesystem doesn't let us")
    }
}
