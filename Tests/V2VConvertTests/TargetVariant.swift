import TestSupport
import Testing
import V2VConvert

/// A form of output.
struct TargetVariant: Sendable, CustomTestStringConvertible {
    var name: String
    var format: TargetFormat
    var compresses = false
    var level: Int?
    var window = DeflateWindow.kib32
    var minimumZeroRun: Int?

    var testDescription: String { name }

    func target(path: String) -> DiskImageTarget {
        var target = DiskImageTarget(path: path, format: format)
        target.compresses = compresses
        target.compressionLevel = level
        target.deflateWindow = window
        target.minimumZeroRun = minimumZeroRun
        return target
    }

    private static func qcow2(
        _ name: String, compresses: Bool = false, level: Int? = nil, _ change: (inout QCOW2Options) -> Void = { _ in }
    ) -> Self {
        var options = QCOW2Options()
        change(&options)
        return TargetVariant(name: name, format: .qcow2(options), compresses: compresses, level: level)
    }

    /// The matrix of the main job.
    static let main: [TargetVariant] = [
        qcow2("qcow2"),
        qcow2("qcow2 -c zlib", compresses: true),
        qcow2("qcow2 -c zstd", compresses: true) { $0.compression = .zstd },
        qcow2("qcow2 compat=0.10") { $0.isVersion2 = true },
        TargetVariant(name: "raw", format: .raw(.init())),
    ]

    /// Every other option.
    static let special: [TargetVariant] =
        [9, 10, 12, 14, 17, 21].flatMap { bits in
            [
                qcow2("qcow2 cluster \(1 << bits)") { $0.clusterSize = 1 << bits },
                qcow2("qcow2 -c zlib cluster \(1 << bits)", compresses: true) { $0.clusterSize = 1 << bits },
                qcow2("qcow2 -c zstd cluster \(1 << bits)", compresses: true) {
                    $0.clusterSize = 1 << bits
                    $0.compression = .zstd
                },
            ]
        }
        + [1, 2, 4, 8, 32, 64].map { bits in qcow2("qcow2 refcount \(bits)") { $0.refcountBits = bits } }
        + [2, 4, 8, 64].map { bits in qcow2("qcow2 -c refcount \(bits)", compresses: true) { $0.refcountBits = bits } }
        + [2, 8].map { bits in
            qcow2("qcow2 -c refcount \(bits) cluster 512", compresses: true) {
                $0.refcountBits = bits
                $0.clusterSize = 512
            }
        }
        + [0, 6, 12].map { (level: Int) in qcow2("qcow2 -c zlib level \(level)", compresses: true, level: level) }
        + [0, 1, 9].map { (level: Int) in
            TargetVariant(
                name: "qcow2 -c window 4k level \(level)", format: .qcow2(.init()), compresses: true, level: level,
                window: .kib4)
        }
        + [14, 16, 21].flatMap { bits in
            [false, true].map { compresses in
                qcow2("qcow2\(compresses ? " -c" : "") extended_l2 cluster \(1 << bits)", compresses: compresses) {
                    $0.hasExtendedL2 = true
                    $0.clusterSize = 1 << bits
                }
            }
        }
        + QCOW2Options.Preallocation.allCases.dropFirst().map { preallocation in
            qcow2("qcow2 preallocation \(preallocation)") { $0.preallocation = preallocation }
        }
        + [0, 65536].map { run in
            var options = QCOW2Options()
            options.hasExtendedL2 = true
            return TargetVariant(name: "qcow2 extended_l2 -S \(run)", format: .qcow2(options), minimumZeroRun: run)
        }
        + [
            qcow2("qcow2 lazy_refcounts") { $0.hasLazyRefcounts = true },
            qcow2("qcow2 -c compat=0.10", compresses: true) { $0.isVersion2 = true },
            rawVariant("raw falloc", .falloc), rawVariant("raw full", .full),
            TargetVariant(name: "raw -S 0", format: .raw(.init()), minimumZeroRun: 0),
            TargetVariant(name: "raw -S 512", format: .raw(.init()), minimumZeroRun: 512),
            TargetVariant(name: "raw -S 64k", format: .raw(.init()), minimumZeroRun: 65536),
            TargetVariant(name: "qcow2 -S 0", format: .qcow2(.init()), minimumZeroRun: 0),
            TargetVariant(name: "qcow2 -S 1M", format: .qcow2(.init()), minimumZeroRun: 1 << 20),
        ]

    /// Every form of VMDK.
    static let vmdk: [TargetVariant] =
        VMDKOptions.Subformat.allCases.map { subformat in
            vmdk("vmdk \(subformat.rawValue)") { $0.subformat = subformat }
        }
        + [0, 6, 12].map { (level: Int) in
            vmdk("vmdk streamOptimized level \(level)", level: level) { $0.subformat = .streamOptimized }
        }
        + VMDKOptions.Subformat.allCases.map { subformat in
            vmdk("vmdk \(subformat.rawValue) -S 0", minimumZeroRun: 0) { $0.subformat = subformat }
        }
        + [vmdk("vmdk monolithicFlat -S 512", minimumZeroRun: 512) { $0.subformat = .monolithicFlat }]
        + [vmdk("vmdk zeroed_grain") { $0.allowsZeroedGrains = true }]

    private static func vmdk(
        _ name: String, level: Int? = nil, minimumZeroRun: Int? = nil, _ change: (inout VMDKOptions) -> Void
    ) -> Self {
        var options = VMDKOptions()
        change(&options)
        return TargetVariant(name: name, format: .vmdk(options), level: level, minimumZeroRun: minimumZeroRun)
    }

    /// Every form of VHD and VHDX.
    static let vhd: [TargetVariant] =
        VHDOptions.Subformat.allCases.flatMap { subformat in
            [nil, 0, 512].map { run in
                var options = VHDOptions()
                options.subformat = subformat
                return TargetVariant(
                    name: name("vhd \(subformat.rawValue)", zeroRun: run), format: .vhd(options), minimumZeroRun: run)
            }
        }
        + VHDXOptions.Subformat.allCases.flatMap { subformat in
            [nil, 0].map { run in vhdx("vhdx \(subformat.rawValue)", run) { $0.subformat = subformat } }
        }
        + [1 << 20, 2 << 20, 256 << 20].map { size in vhdx("vhdx block \(size)") { $0.blockSize = size } }
        + [
            vhdx("vhdx not present, log 3 MiB") {
                $0.marksZeroBlocks = false
                $0.logSize = 3 << 20
            }
        ]

    private static func vhdx(_ name: String, _ run: Int? = nil, _ change: (inout VHDXOptions) -> Void) -> Self {
        var options = VHDXOptions()
        change(&options)
        return TargetVariant(name: Self.name(name, zeroRun: run), format: .vhdx(options), minimumZeroRun: run)
    }

    private static func name(_ name: String, zeroRun: Int?) -> String { zeroRun.map { "\(name) -S \($0)" } ?? name }

    /// What QEMU does not open, not even its own: an empty VMDK; an empty fixed VHD, which starts with its footer as a
    /// dynamic one does.
    func canBeJudged(_ content: DiskContent) -> Bool {
        if content.size > 0 { return true }
        return switch format {
        case .vmdk: false
        case .vhd(let options): options.subformat == .dynamic
        // It reads the table, whose size it gets wrong, into memory.
        case .vhdx(let options): options.blockSize < 256 << 20
        case .raw, .qcow2: true
        }
    }

    private static func rawVariant(_ name: String, _ preallocation: RawOptions.Preallocation) -> Self {
        var options = RawOptions()
        options.preallocation = preallocation
        return TargetVariant(name: name, format: .raw(options))
    }
}
