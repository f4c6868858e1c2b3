import V2VConvert

/// What `qemu-img check` prints for people.
enum CheckText {
    static func text(_ result: ImageCheck.Result) -> String {
        var text = ""
        if result.corruptionsFixed > 0 || result.leaksFixed > 0 {
            text += """
                The following inconsistencies were found and repaired:

                    \(result.leaksFixed) leaked clusters
                    \(result.corruptionsFixed) corruptions

                Double checking the fixed image now...

                """
        }
        if result.corruptions == 0, result.leaks == 0 { text += "No errors were found on the image.\n" }
        if result.corruptions > 0 {
            text += "\n\(result.corruptions) errors were found on the image.\n"
            text += "Data may be corrupted, or further writes to the image may corrupt it.\n"
        }
        if result.leaks > 0 {
            text += "\n\(result.leaks) leaked clusters were found on the image.\n"
            text += "This means waste of disk space, but no harm to data.\n"
        }
        if result.totalClusters > 0, result.allocatedClusters > 0 {
            let allocated = percent(result.allocatedClusters, of: result.totalClusters)
            let fragmented = percent(result.fragmentedClusters, of: result.allocatedClusters)
            let compressed = percent(result.compressedClusters, of: result.allocatedClusters)
            text += "\(result.allocatedClusters)/\(result.totalClusters) = \(allocated) allocated, "
            text += "\(fragmented) fragmented, \(compressed) compressed clusters\n"
        }
        if result.imageEndOffset > 0 { text += "Image end offset: \(result.imageEndOffset)\n" }
        return text
    }

    /// With two places behind the point.
    private static func percent(_ part: UInt64, of whole: UInt64) -> String {
        let hundredths = (Double(part) * 10000 / Double(whole)).rounded(.toNearestOrEven)
        let digits = String(UInt64(hundredths) % 100)
        return "\(UInt64(hundredths) / 100).\(digits.count < 2 ? "0" : "")\(digits)%"
    }
}
