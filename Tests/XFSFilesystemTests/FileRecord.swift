import GuestDisk

/// All that is compared of a file.
struct FileRecord: Equatable {
    var status: FileStatus
    /// Of a regular file.
    var content: [UInt8] = []
    /// Of a symbolic link.
    var target: [UInt8] = []
    var attributes: [ExtendedAttribute] = []
}

/// All files of a filesystem, by their paths.
typealias Tree = [[UInt8]: FileRecord]

/// The paths at which two trees differ, for messages.
func differences(_ one: Tree, _ other: Tree) -> [String] {
    Set(one.keys).union(other.keys).filter { one[$0] != other[$0] }.sorted { $0.lexicographicallyPrecedes($1) }
        .prefix(5).map { path in
            func summary(_ record: FileRecord?) -> String {
                guard let record else { return "nothing" }
                return "\(record.status), \(record.content.count) bytes, link \(record.target.count), "
                    + record.attributes.map { "\(String(decoding: $0.name, as: UTF8.self)): \($0.value.count)" }.joined(
                        separator: " "
                    ).prefix(200)
            }
            return "\(String(decoding: path, as: UTF8.self)): \(summary(one[path])) | \(summary(other[path]))"
        }
}
