import Glibc

/// A directory (in TMPDIR, which is better in memory) in which an input is a file among others that it may name. One for
/// many inputs: making it takes longer than reading one.
package final class FuzzDirectory: Sendable {
    let path: String

    /// Of a file of `Fuzz/files` that is kept as a ``ScatteredInput``.
    private static let scatteredSuffix = ".pieces"

    /// Makes a directory with a copy of each file of `Fuzz/files`.
    package init() {
        let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/v2v-fuzz-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { preconditionFailure("no directory can be made in \(parent)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for (name, bytes) in Self.companions {
            if name.hasSuffix(Self.scatteredSuffix) {
                write(ScatteredInput(bytes), to: String(name.dropLast(Self.scatteredSuffix.count)))
            } else {
                write(bytes, to: name)
            }
        }
    }

    deinit {
        for name in Self.list(path) { unsafe unlink(file(name)) }
        unsafe rmdir(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Replaces the content of `name`.
    /// - Parameter length: bytes of the file, with a hole behind `bytes`; nil for no hole.
    func write(_ bytes: some Collection<UInt8>, to name: String, length: Int? = nil) {
        write([(0, Array(bytes))], to: name, length: length)
    }

    /// Replaces the content of `name`.
    func write(_ input: ScatteredInput, to name: String) {
        write(input.pieces, to: name, length: input.length)
    }

    private func write(_ pieces: [(offset: Int, bytes: [UInt8])], to name: String, length: Int?) {
        let descriptor = unsafe Glibc.open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(descriptor >= 0, "\(file(name)) can't be written")
        defer { close(descriptor) }
        for (offset, bytes) in pieces {
            // Safe: the buffer is passed with its length.
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            }
            precondition(written == bytes.count, "\(file(name)) can't be written")
        }
        if let length { ftruncate(descriptor, off_t(length)) }
    }

    /// The files of `Fuzz/files`, read once.
    private static let companions: [(name: String, bytes: [UInt8])] = {
        let folder = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/files"
        return list(folder).map { ($0, read("\(folder)/\($0)")) }
    }()

    private static func list(_ folder: String) -> [String] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            // Safe: the kernel ends names with a NUL inside the field.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func read(_ path: String) -> [UInt8] {
        guard let stream = unsafe fopen(path, "r") else { preconditionFailure("\(path) can't be read") }
        defer { unsafe fclose(stream) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            // Safe: the block is passed with its length.
            let count = unsafe fread(&block, 1, block.count, stream)
            if count == 0 { return bytes }
            bytes += block[..<count]
        }
    }
}
