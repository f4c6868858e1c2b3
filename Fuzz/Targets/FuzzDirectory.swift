import Glibc

/// A directory (in TMPDIR, which is better in memory) in which an input is a file among others that it may name. One for
/// many inputs: making it takes longer than reading one.
package final class FuzzDirectory: Sendable {
    let path: String

    /// Makes a directory with a copy of each file of `Fuzz/files`.
    package init() {
        let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/v2v-fuzz-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { preconditionFailure("no directory can be made in \(parent)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for (name, bytes) in Self.companions { write(bytes, to: name) }
    }

    deinit {
        for name in Self.list(path) { unsafe unlink(file(name)) }
        unsafe rmdir(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Replaces the content of `name`.
    /// - Parameter length: bytes of the file, with a hole behind `bytes`; nil for no hole.
    func write(_ bytes: some Collection<UInt8>, to name: String, length: Int? = nil) {
        let descriptor = unsafe Glibc.open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(descriptor >= 0, "\(file(name)) can't be written")
        defer { close(descriptor) }
        let content = Array(bytes)
        // Safe: the buffer is passed with its length.
        let written = unsafe content.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        precondition(written == content.count, "\(file(name)) can't be written")
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
