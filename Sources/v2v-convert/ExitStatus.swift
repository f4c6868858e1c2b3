import V2VConvert

/// The exit statuses. Scripts rely on them: add, never change. README.md has the same table.
enum ExitStatus {
    static let success: Int32 = 0
    static let usage: Int32 = 2
    /// `compare`: the images differ. Everything else that a command can end with is 2 or more.
    static let different: Int32 = 1
    /// The conversion was completed, but parts of the input were lost (`--salvage`).
    static let salvaged: Int32 = 3
    /// The conversion was completed, but the guest may not boot, or not have its network (`--fixup`).
    static let fixupIncomplete: Int32 = 4
    /// `check`: the image could not be checked, whatever the reason, wrong usage included. These are qemu-img's; 2 and 3
    /// tell of what was found.
    static let unchecked: Int32 = 1
    /// `check`: there are corruptions.
    static let corrupt: Int32 = 2
    /// `check`: there are leaks, but no corruptions.
    static let leaking: Int32 = 3
    /// `check`: images of the format can't be checked, or not be repaired.
    static let uncheckable: Int32 = 63

    /// The status for a failure of kind `code`. A signal ends with 128 + its number instead.
    static func of(_ code: ImageError.Code) -> Int32 {
        switch code {
        case .invalidOption: usage
        case .inputUnreadable: 10
        case .inputFormat: 11
        case .inputDamaged: 12
        case .inputUnsupported: 13
        case .inputInUse: 14
        case .outputExists: 20
        case .outputFailed: 21
        case .outputNoSpace: 22
        case .outputInUse: 23
        case .ringRefused: 30
        case .cancelled: 130
        }
    }
}
