/// What a guest's initramfs lacks, as a cpio archive.
package struct InitramfsAddition: Sendable {
    /// How the kernel has each of the wanted modules.
    package var modules: ModuleSelection
    /// The modules that are in it, without those that the initramfs has already; relative to the modules' directory.
    package var addedModules: [String]
    /// The other files in it, as paths in the initramfs.
    package var addedFiles: [String]
    /// The archive; nil if nothing is lacking.
    var archive: [UInt8]?
    /// The archive without the indexes that booting doesn't need, for where there is no room.
    var smallArchive: [UInt8]?
    /// What the archive is known by; nil if nothing is lacking.
    var marker: SegmentMarker?

    /// Whether nothing is lacking.
    package var isEmpty: Bool { archive == nil }
}
