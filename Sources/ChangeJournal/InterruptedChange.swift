package import DiskImage
import Glibc
import SystemPackage

/// What an interruption has left of a ``JointChange``.
package enum InterruptedChange {
    /// Throws if `image`, which is to be read, may be changed by half.
    package static func refuse(_ image: ImageFile) throws(ImageError) {
        guard case .journal(let journal) = try JournalReader.find(for: image), try journal.isComplete() else { return }
        throw ImageError(
            .inputDamaged, "a change of the image was interrupted, perhaps halfway",
            advice: "complete it: v2v-convert fixup \(image.path)", path: image.path)
    }

    /// Completes the change of which `file` is a part, in all its images; does nothing if there was none, or nothing was
    /// written yet.
    /// - Returns: whether there was something to complete.
    /// - Throws: `outputFailed` if somebody else has written to an image since, or made the journal; `outputInUse`.
    @discardableResult
    package static func recover(_ file: EditableFile) throws(ImageError) -> Bool {
        let image = try file.reader()
        switch try JournalReader.find(for: image) {
        case nil: return false
        case .beginning(let path):
            try ChangeJournal.remove(path)
            return false
        case .journal(let journal):
            let isComplete = try journal.isComplete()
            if isComplete { try complete(journal, holding: file, number: journal.index(of: image)) }
            try journal.discard()
            return isComplete
        }
    }

    private static func complete(
        _ journal: JournalReader, holding file: EditableFile, number: Int?
    ) throws(ImageError) {
        var files: [EditableFile] = []
        for index in journal.head.images.indices {
            files.append(index == number ? file : try open(journal.imagePath(index), journal))
        }
        try journal.requireUntouched(files)
        try journal.apply(to: files)
    }

    /// Opens another image of the change. Who has made the journal must be able to change it anyway.
    private static func open(_ path: String, _ journal: JournalReader) throws(ImageError) -> EditableFile {
        guard FilePath(path).resolved != nil else {
            throw ImageError(
                .outputFailed, "a change was interrupted that also concerns this image, which is gone",
                advice: "put it back; or take the others as they are, and remove \(journal.path)", path: path)
        }
        let file = try EditableFile(path: path)
        guard let status = try? stat(of: file.descriptor),
            [0, geteuid()].contains(journal.owner) || status.isRegularFile && status.st_uid == journal.owner
        else {
            throw ImageError(
                .outputFailed, "the journal \(journal.path) is not from you or the image's owner", path: path)
        }
        return file
    }
}
