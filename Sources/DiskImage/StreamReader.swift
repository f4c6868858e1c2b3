/// A format whose images can be read from their start to their end, without going back.
package protocol StreamReader: ImageReader {
    /// The disk in the image that `bytes` hold, from which nothing has been read.
    static func openStream(_ bytes: BufferedStream, opener: ImageOpener) throws(ImageError) -> any DiskStream
}
