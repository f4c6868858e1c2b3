/// How far back a deflate stream may refer.
public enum DeflateWindow: String, Sendable, CaseIterable {
    /// 4 KiB, which is what QEMU writes. Readers that inflate qcow2 clusters in several steps rely on it.
    case kib4 = "4k"
    /// 32 KiB, deflate's own limit. Clusters become smaller; QEMU and all that inflate a cluster in one step read them.
    case kib32 = "32k"
}
