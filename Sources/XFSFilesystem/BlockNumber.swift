/// The number of a block as the filesystem stores it (`xfs_fsblock_t`): not a distance from the device's start, see
/// ``Geometry``.
struct BlockNumber: Equatable {
    let number: UInt64

    init(_ number: UInt64) {
        self.number = number
    }

    /// The block `count` behind this one, if it is in the same allocation group.
    func advanced(by count: UInt64) -> BlockNumber { BlockNumber(number &+ count) }
}
