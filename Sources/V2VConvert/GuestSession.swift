import DiskImage
import GuestDisk
import GuestFixups

/// The disks of a machine, opened so that its files can be read, and changed in overlays.
struct GuestSession {
    private let devices: [OverlayDevice]
    private let machine: Machine

    /// - Parameter maps: of the machine's disks, in its order; used by nobody else.
    init(_ maps: [any DiskMap]) throws(ImageError) {
        var devices: [OverlayDevice] = []
        for map in maps {
            let device = try MapDevice(map)
            devices.append(try Self.telling { () throws(GuestError) in try OverlayDevice(over: device) })
        }
        self.devices = devices
        machine = try Self.telling { () throws(GuestError) in try Machine(devices) }
    }

    /// Makes the changes of `fixup` in the overlays.
    /// - Throws: `inputUnreadable`; `outputFailed` if one has failed in the middle: then the overlays are good for nothing.
    func run(_ fixup: Fixup) throws(ImageError) -> FixupResult {
        FixupResult(try report(fixup), changedBytes: changedBytes)
    }

    /// As ``run(_:)``, with what else there is to tell.
    func report(_ fixup: Fixup) throws(ImageError) -> FixupReport {
        try Self.telling { () throws(GuestError) in try fixup.run(on: machine) }
    }

    /// What is on the disks.
    func describe() throws(ImageError) -> GuestDescription {
        try Self.telling { () throws(GuestError) in try GuestDescription(machine) }
    }

    /// Has `body`'s errors told as those of the image, if one of it is the cause.
    private static func telling<Result>(_ body: () throws(GuestError) -> Result) throws(ImageError) -> Result {
        do throws(GuestError) {
            return try body()
        } catch {
            throw error.cause ?? ImageError(.outputFailed, "the guest can't be fixed: \(error.message)")
        }
    }

    /// Bytes that the overlays have.
    private var changedBytes: UInt64 { devices.reduce(0) { $0 + $1.changedBytes } }

    /// Whether disk `number` has changes.
    func isChanged(_ number: Int) -> Bool { devices[number].changedBytes > 0 }

    /// The changes of disk `number` as a layer over it. Nothing may be changed from then on.
    func layer(_ number: Int) throws(ImageError) -> sending any DiskMap { try devices[number].layer() }
}
