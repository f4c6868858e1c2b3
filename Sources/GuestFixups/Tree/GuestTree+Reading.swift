package import GuestDisk

extension GuestTree {
    /// Text files of a system's configuration are smaller.
    package static let maximumText = 4 << 20
    /// More files than any directory of configuration or kernels has.
    private static let maximumNames = 20_000

    /// What is at `path`, symbolic links followed; nil if nothing is.
    package func status(_ path: String) throws(GuestError) -> FileStatus? {
        guard let location = try find(path) else { return nil }
        return try location.filesystem.status(of: location.file)
    }

    /// Whether one of `paths` leads to something. What can't be read, ``problems`` aside, is not there.
    /// - Throws: only `disk`.
    func hasAny(_ paths: [String]) throws(GuestError) -> Bool {
        for path in paths {
            do throws(GuestError) {
                if try find(path) != nil { return true }
            } catch {
                try error.requireReadable()
            }
        }
        return false
    }

    package func isDirectory(_ path: String) throws(GuestError) -> Bool {
        try status(path)?.kind == .directory
    }

    package func isFile(_ path: String) throws(GuestError) -> Bool {
        try status(path)?.kind == .regular
    }

    /// The content of the file at `path`; nil if there is none, or no regular one.
    /// - Parameter limit: bytes that it may have at most.
    package func bytes(_ path: String, limit: Int = maximumText) throws(GuestError) -> [UInt8]? {
        guard let location = try find(path), try location.filesystem.status(of: location.file).kind == .regular else {
            return nil
        }
        return try location.filesystem.readAll(location.file, limit: limit)
    }

    /// The content of a configuration file; nil if there is none, or it can't be read, which ``problems`` tells: one damaged
    /// file must not keep us from the others.
    /// - Throws: only `disk`.
    package func configuration(_ path: String) throws(GuestError) -> [UInt8]? {
        do throws(GuestError) {
            return try bytes(path)
        } catch {
            try tolerate(error, path)
            return nil
        }
    }

    private func tolerate(_ error: GuestError, _ path: String) throws(GuestError) {
        try error.requireReadable()
        let text = "\(path) can't be read: \(error)"
        if !problems.contains(text) { problems.append(text) }
    }

    /// The text in a configuration file, as ``configuration(_:)`` reads it; bytes that are no UTF-8 become replacement
    /// characters.
    package func text(_ path: String) throws(GuestError) -> String? {
        try configuration(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The names in the directory at `path`, in order; empty if there is no such directory, or it can't be read, which
    /// ``problems`` tells.
    /// - Throws: only `disk`.
    package func names(in path: String) throws(GuestError) -> [String] {
        do throws(GuestError) {
            return try list(path)
        } catch {
            try tolerate(error, path)
            return []
        }
    }

    private func list(_ path: String) throws(GuestError) -> [String] {
        guard let location = try find(path), try location.filesystem.status(of: location.file).kind == .directory else {
            return []
        }
        var names: [String] = []
        try location.filesystem.forEachEntry(of: location.file) { (name, _) throws(GuestError) in
            names.append(String(decoding: name, as: UTF8.self))
            guard names.count <= Self.maximumNames else {
                throw GuestError(.unsupported, "the directory has more than \(Self.maximumNames) files")
            }
            return true
        }
        return names.sorted()
    }

    /// The paths of the files in `directory` whose names end in `suffix`, in order.
    package func files(in directory: String, suffix: String) throws(GuestError) -> [String] {
        try names(in: directory).filter { $0.hasSuffix(suffix) && $0 != suffix }.map { "\(directory)/\($0)" }
    }
}
