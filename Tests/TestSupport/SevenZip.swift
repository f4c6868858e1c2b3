/// 7-Zip, a reader of VHD and VHDX with their parents that shares no code with QEMU.
package enum SevenZip {
    package static let isThere = Capabilities.has("7z")

    /// Writes the disk in `image`, of the type that 7-Zip calls `type`, to `raw`.
    package static func extract(_ image: String, type: String, to raw: String) throws {
        try Tool.check("sh", ["-c", "7z e -so -t\"$1\" \"$2\" > \"$3\"", "sh", type, image, raw])
    }
}
