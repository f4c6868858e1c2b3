import ByteLayout
package import DiskImage
import SystemPackage

/// Makes zeros of what the map below can't tell, and notes them.
package final class SalvagingMap: DiskMap {
    private let map: any DiskMap
    private let losses: Losses

    /// Damage is looked at down to sectors: a file may end inside a cluster.
    private static let sector: UInt64 = 512

    package init(_ map: any DiskMap, losses: Losses) {
        self.map = map
        self.losses = losses
    }

    package var virtualSize: UInt64 { map.virtualSize }
    package var files: [ImageFile] { map.files }

    package func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        do throws(ImageError) {
            return try map.extent(at: offset, limit: limit)
        } catch {
            guard error.isSalvageable else { throw error }
        }
        // The beginning may be sound where the whole run is not.
        var length = map.unmappableLength(at: offset, limit: limit)
        let failed = length
        while true {
            do throws(ImageError) {
                return try map.extent(at: offset, limit: length)
            } catch {
                guard error.isSalvageable else { throw error }
                guard length > Self.sector else {
                    losses.add(at: offset.bytes, length: failed, error)
                    return Extent(length: failed, content: .zero)
                }
                length = (length / 2).alignedUp(to: Self.sector)
            }
        }
    }

    package func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 { limit }
}

extension ImageError {
    /// Whether it concerns a part of the image, so that others may be readable. From a server that has gone, nothing is.
    var isSalvageable: Bool {
        [.inputDamaged, .inputUnreadable, .inputUnsupported].contains(code) && errno != .socketNotConnected
    }
}
