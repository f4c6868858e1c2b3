/// What the rules want of every initramfs. It is done once, when all rules have spoken.
struct InitramfsWishes {
    /// Names, each once.
    var modules: [String] = []
    var edits: [InitramfsEdit] = []
}
