/// What keeps the kernel from reading an archive further, in words that can follow "at byte …:".
struct ArchiveProblem: Error, Equatable {
    var message: String

    init(_ message: String) {
        self.message = message
    }
}
