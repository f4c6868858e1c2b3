/// What an image's tables are read from: its file, or its file with the changes that a log has for it.
package protocol MetadataSource {
    /// Reads exactly `count` bytes from `offset`; `what` they are is for messages.
    func read(at offset: UInt64, count: Int, what: String) throws(ImageError) -> [UInt8]
}

extension ImageFile: MetadataSource {}
