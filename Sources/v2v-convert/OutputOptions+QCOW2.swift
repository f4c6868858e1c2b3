import V2VConvert

extension OutputOptions {
    /// Takes the options of qcow2 out of `rest`.
    func qcow2(_ rest: inout [String: String]) throws(ImageError) -> QCOW2Options {
        var options = QCOW2Options()
        if let value = rest.removeValue(forKey: "cluster_size") {
            options.clusterSize = try size(value, "cluster_size")
        }
        if let value = rest.removeValue(forKey: "compat") {
            switch value {
            case "0.10", "v2": options.isVersion2 = true
            case "1.1", "v3": options.isVersion2 = false
            default: throw ImageError(.invalidOption, "compat is 0.10 or 1.1, not \"\(value)\"")
            }
        }
        if let value = rest.removeValue(forKey: "compression_type") {
            options.compression = try choice(value, "compression_type")
        }
        if let value = rest.removeValue(forKey: "refcount_bits") {
            guard let bits = Int(value) else {
                throw ImageError(.invalidOption, "refcount_bits is no number: \"\(value)\"")
            }
            options.refcountBits = bits
        }
        if let value = rest.removeValue(forKey: "extended_l2") {
            options.hasExtendedL2 = try flag(value, "extended_l2")
        }
        if let value = rest.removeValue(forKey: "lazy_refcounts") {
            options.hasLazyRefcounts = try flag(value, "lazy_refcounts")
        }
        if let value = rest.removeValue(forKey: "preallocation") {
            options.preallocation = try choice(value, "preallocation")
        }
        try otherFiles(&rest, &options)
        return options
    }

    private func otherFiles(_ rest: inout [String: String], _ options: inout QCOW2Options) throws(ImageError) {
        let format = rest.removeValue(forKey: "backing_fmt")
        if let name = rest.removeValue(forKey: "backing_file") {
            options.backing = BackingFile(name: name, format: format.map(ImageFormat.init(named:)))
        } else if format != nil {
            throw ImageError(.invalidOption, "the format of a backing file was given, but no file", advice: "add -B")
        }
        options.dataFile = rest.removeValue(forKey: "data_file")
        if let value = rest.removeValue(forKey: "data_file_raw") {
            options.isDataFileRaw = try flag(value, "data_file_raw")
        }
    }
}
