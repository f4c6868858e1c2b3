extension ImageCheck.Result: Encodable {
    private enum Key: String, CodingKey {
        case filename, format, leaks, corruptions
        case checkErrors = "check-errors"
        case leaksFixed = "leaks-fixed"
        case corruptionsFixed = "corruptions-fixed"
        case totalClusters = "total-clusters"
        case allocatedClusters = "allocated-clusters"
        case fragmentedClusters = "fragmented-clusters"
        case compressedClusters = "compressed-clusters"
        case imageEndOffset = "image-end-offset"
    }

    /// Writes the object that `qemu-img check --output=json` prints: counts of 0 are left out.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(path, forKey: .filename)
        try container.encode(format.rawValue, forKey: .format)
        try container.encode(0, forKey: .checkErrors)
        for (count, key) in [
            (leaks, Key.leaks), (corruptions, .corruptions), (leaksFixed, .leaksFixed),
            (corruptionsFixed, .corruptionsFixed), (totalClusters, .totalClusters),
            (allocatedClusters, .allocatedClusters), (fragmentedClusters, .fragmentedClusters),
            (compressedClusters, .compressedClusters), (imageEndOffset, .imageEndOffset),
        ] where count > 0 {
            try container.encode(count, forKey: key)
        }
    }
}
