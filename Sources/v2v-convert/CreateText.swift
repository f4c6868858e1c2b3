import V2VConvert

/// The line that `create` prints: `qemu-img`'s, its options in its order.
enum CreateText {
    /// - Parameter size: as it was given.
    static func line(_ path: String, _ format: TargetFormat, size: UInt64) -> String {
        let size = "size=\(size)"
        let options: [String]
        switch format {
        case .raw(let raw): options = [size] + (raw.preallocation == .off ? [] : preallocation(raw.preallocation))
        case .qcow2(let qcow2): options = self.options(qcow2, size)
        case .vmdk(let vmdk):
            options =
                [size] + (vmdk.adapterType.map { ["adapter_type=\($0.rawValue)"] } ?? [])
                + ["hwversion=\(vmdk.hardwareVersion)", "subformat=\(vmdk.subformat.rawValue)"]
                + (vmdk.allowsZeroedGrains ? ["zeroed_grain=on"] : [])
        case .vhd(let vhd):
            options = [size, "subformat=\(vhd.subformat.rawValue)", "force_size=\(flag(vhd.keepsSize))"]
        case .vhdx(let vhdx):
            options =
                [size, "log_size=\(vhdx.logSize)", "block_size=\(vhdx.blockSize)"]
                + ["subformat=\(vhdx.subformat.rawValue)", "block_state_zero=\(flag(vhdx.marksZeroBlocks))"]
        }
        return "Formatting '\(path)', fmt=\(format.name.rawValue) " + options.joined(separator: " ") + "\n"
    }

    private static func options(_ qcow2: QCOW2Options, _ size: String) -> [String] {
        var options = ["cluster_size=\(qcow2.clusterSize)", "extended_l2=\(flag(qcow2.hasExtendedL2))"]
        if qcow2.preallocation != .off { options += preallocation(qcow2.preallocation) }
        options += ["compression_type=\(qcow2.compression.rawValue)", size]
        if qcow2.isVersion2 { options.append("compat=0.10") }
        if let backing = qcow2.backing {
            options += ["backing_file=\(backing.name)", "backing_fmt=\(backing.format?.rawValue ?? "")"]
        }
        if let dataFile = qcow2.dataFile {
            options.append("data_file=\(dataFile)")
            if qcow2.isDataFileRaw { options.append("data_file_raw=on") }
        }
        return options + ["lazy_refcounts=\(flag(qcow2.hasLazyRefcounts))", "refcount_bits=\(qcow2.refcountBits)"]
    }

    private static func preallocation(_ kind: some RawRepresentable<String>) -> [String] {
        ["preallocation=\(kind.rawValue)"]
    }

    private static func flag(_ value: Bool) -> String { value ? "on" : "off" }
}
