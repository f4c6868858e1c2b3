/// What is wrong with a manifest, and where.
package struct ManifestError: Error, Equatable, CustomStringConvertible {
    package var file: String
    /// From 1; nil if it concerns the file as a whole.
    package var line: Int?
    /// The key concerned, with those that it is in: `actions.2.write-file.path`.
    package var key: String
    package var message: String

    package var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
    }
}
