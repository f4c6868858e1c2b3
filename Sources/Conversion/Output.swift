import CLinux
package import DiskImage
import Glibc
import SystemPackage

/// What is written: one file, or several that appear together; or an export.
package final class Output: OutputSink, Sendable {
    /// How the output comes about.
    package enum Kind: Sendable {
        /// Whole or not at all: under temporary names, then renamed.
        /// - replaces: existing files may be replaced.
        case new(replaces: Bool)
        /// Into an existing file or block device of at least `size` bytes.
        case inPlace(size: UInt64)
        /// Into an export of a server, of at least `size` bytes.
        case export(size: UInt64)
        /// In order into a descriptor, of a pipe for instance.
        case stream(descriptor: Int32)

        var isStream: Bool {
            if case .stream = self { true } else { false }
        }

        var isInPlace: Bool {
            switch self {
            case .inPlace, .export: true
            case .new, .stream: false
            }
        }
    }

    /// By number.
    let files: [any OutputEndpoint]
    /// The same, if they are files.
    let localFiles: [OutputFile]
    /// How many of them are the image; others are only about it.
    private let imageCount: Int
    private let kind: Kind
    private let job: Job

    /// Opens the output; nothing is written yet.
    /// - Parameters:
    ///   - path: the name of file 0, or the URI of an export.
    ///   - companions: the others, see ``ImageWriter/companions``.
    ///   - others: names of files that are no part of the image, and come after it.
    ///   - sources: files the output must not be.
    ///   - usesDirectIO: bypass the page cache if the filesystem can.
    /// - Throws: `outputExists`, `outputInUse`, `outputFailed`.
    package init(
        path: String, companions: [String], others: [String] = [], kind: Kind, sources: [FileIdentity],
        usesDirectIO: Bool, job: Job
    ) throws(ImageError) {
        imageCount = 1 + companions.count
        self.kind = kind
        self.job = job
        if case .export(let size) = kind {
            files = [try OutputExport(uri: path, size: size, sources: sources, job: job)]
            localFiles = []
            return
        }
        var files: [OutputFile] = []
        func open(_ path: String) throws(ImageError) {
            files.append(
                try OutputFile(path: path, kind: kind, sources: sources, usesDirectIO: usesDirectIO, job: job))
        }
        try open(path)
        // Beside file 0, which may be somewhere else than its name: behind a link.
        let directory = FilePath(files[0].path).removingLastComponent()
        for name in companions + others { try open(directory.pushing(FilePath(name)).string) }
        self.files = files
        localFiles = files
    }

    /// Whether nothing was there before.
    var isNew: Bool {
        if case .new = kind { true } else { false }
    }

    /// Whether it must be written in order, by an ``OutputStream``.
    var isStream: Bool { kind.isStream }

    /// Whether it may have had other content before.
    var isInPlace: Bool { kind.isInPlace }

    /// Where the files are until they have their names, by number.
    package var temporaryPaths: [String] { localFiles.map(\.temporaryPath) }

    /// The names of the files from number `first` on.
    package func paths(from first: Int) -> [String] { localFiles.dropFirst(first).map(\.path) }

    /// Makes readers get what the device has of files that are safely on it.
    package func dropCaches() {
        for file in localFiles { file.dropCache() }
    }

    // MARK: Writing

    package func reserve(_ file: Int, upTo size: UInt64) throws(ImageError) {
        try files[file].reserve(upTo: size)
    }

    /// Allocates storage for the whole of files with these sizes, by number, so that it can't run out later.
    /// - Returns: false if the filesystem can't.
    package func allocate(_ sizes: [UInt64]) throws(ImageError) -> Bool {
        for (file, size) in zip(files, sizes) where try !file.allocate(size) { return false }
        return true
    }

    package func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) throws(ImageError) {
        try files[file].write(bytes, at: offset)
    }

    package func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError) {
        try files[0].writeZeros(at: offset, length: length)
    }

    package func barrier() throws(ImageError) {
        if kind.isInPlace { try files[0].synchronize() }
    }

    // MARK: Finishing

    /// Gives the files their sizes and, when they are safely on the device, their names.
    /// - Parameter check: looks at the files in between.
    package func commit(
        sizes: [UInt64], check: () throws(ImageError) -> Void = {}
    ) throws(ImageError) {
        for (file, size) in zip(files, sizes) {
            try file.complete(size: size)
            // A last chance for a cancellation; after the renaming it is too late.
            if case .new = kind { try job.check() }
        }
        try check()
        guard case .new(let replaces) = kind else { return }
        try UnfinishedOutputs.finish(temporaryPaths) { () throws(ImageError) in
            do throws(ImageError) {
                try nameFiles(replaces: replaces)
            } catch {
                // Under its temporary name a file goes with its owner.
                for file in localFiles { file.revertName() }
                throw error
            }
        }
    }

    /// File 0 gets its name last of the image: without it the others are none.
    private func nameFiles(replaces: Bool) throws(ImageError) {
        let image = localFiles.prefix(imageCount)
        if image.count > 1 {
            // Nor must an old file 0 ever stand over new companions, of which some may be old.
            if replaces, unsafe unlink(image[0].path) == 0 { image[0].synchronizeDirectory() }
            for file in image.dropFirst() { try file.rename() }
            for file in image.dropFirst() { file.synchronizeDirectory() }
        }
        for file in [image[0]] + localFiles.dropFirst(imageCount) {
            try file.rename()
            file.synchronizeDirectory()
        }
    }
}
