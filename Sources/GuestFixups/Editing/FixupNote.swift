/// Something that a report tells besides the changes.
package struct FixupNote: Equatable, Sendable {
    /// Stable: scripts see the raw value.
    package enum Code: String, Sendable, CaseIterable {
        /// No system was found, or none that is known.
        case unknownGuest = "unknown-guest"
        /// There are several systems; one was chosen.
        case severalGuests = "several-guests"
        /// A part of a disk can't be read.
        case unreadableVolume = "unreadable-volume"
        /// A file could not be changed.
        case fileNotChanged = "file-not-changed"
        /// A device's name depends on hardware, and nothing better is known.
        case deviceNameKept = "device-name-kept"
        /// An interface's name can't be pinned.
        case interfaceNotPinned = "interface-not-pinned"
        /// A kernel can't be made to boot on virtio.
        case kernelNotReady = "kernel-not-ready"
        /// A disk holds the memory of a machine that will go on where it was.
        case hibernated
        /// The guest's own tools will have to be told.
        case rebuildNotConfigured = "rebuild-not-configured"
        /// The guest itself will change a file when it boots first.
        case firstBoot = "first-boot"
        /// A change has failed in the middle, so nothing was changed.
        case failed
        /// Something about the machine that a person should know.
        case advice
    }

    package var code: Code
    package var message: String
    /// Whether the fixup is incomplete because of it.
    package var isProblem: Bool

    package init(_ code: Code, _ message: String, isProblem: Bool = false) {
        self.code = code
        self.message = message
        self.isProblem = isProblem
    }
}
