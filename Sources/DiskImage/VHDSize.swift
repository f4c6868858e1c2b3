/// Which of its two sizes a VHD has: they may differ, and programs differ in which one they go by.
public enum VHDSize: String, Sendable, CaseIterable {
    /// The footer's current size: what Hyper-V, Azure and XenServer go by.
    case current
    /// Cylinders × heads × sectors: what Virtual PC goes by.
    case geometry = "chs"
}
