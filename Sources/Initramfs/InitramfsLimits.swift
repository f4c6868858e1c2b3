/// What an initramfs may make us read and remember. The defaults are far above what distributions build: a large one
/// inflates to some 200 MB.
package struct InitramfsLimits: Sendable {
    /// Archives, or streams of them. Boot loaders and tools put three or four together.
    package var segments = 64
    /// Bytes that all archives together inflate to.
    package var inflated = 1 << 30
    /// Bytes of names and links, with ``entryCost`` for each.
    package var listing = 64 << 20

    /// Bytes that an entry takes beside its name.
    static let entryCost = 128

    package init() {}
}
