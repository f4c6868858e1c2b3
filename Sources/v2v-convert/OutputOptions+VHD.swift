import V2VConvert

extension OutputOptions {
    /// Takes the options of VHD out of `rest`.
    func vhd(_ rest: inout [String: String]) throws(ImageError) -> VHDOptions {
        var options = VHDOptions()
        if let value = rest.removeValue(forKey: "subformat") {
            options.subformat = try choice(value, "subformat")
        }
        if let value = rest.removeValue(forKey: "force_size") {
            options.keepsSize = try flag(value, "force_size")
        }
        return options
    }

    /// Takes the options of VHDX out of `rest`.
    func vhdx(_ rest: inout [String: String]) throws(ImageError) -> VHDXOptions {
        var options = VHDXOptions()
        if let value = rest.removeValue(forKey: "subformat") {
            options.subformat = try choice(value, "subformat")
        }
        if let value = rest.removeValue(forKey: "block_size") {
            options.blockSize = try size(value, "block_size")
        }
        if let value = rest.removeValue(forKey: "log_size") {
            options.logSize = try size(value, "log_size")
        }
        if let value = rest.removeValue(forKey: "block_state_zero") {
            options.marksZeroBlocks = try flag(value, "block_state_zero")
        }
        return options
    }
}
