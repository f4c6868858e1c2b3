import ArgumentParser
import Glibc
import Logging
import V2VConvert

/// `v2v-convert IN OUT`.
struct ConvertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Convert a virtual machine's disk.",
        usage: """
            v2v-convert [<options>] <input> <output>
            v2v-convert <command> [<options>] <image> …
            """,
        discussion: """
            Reads VMDK, VHD, VHDX and qcow2 of every kind with their snapshots and backing files, VDI and raw, also \
            inside an OVA; raw, stream-optimized VMDK and OVA also from a pipe (-) or packed with gzip. Writes qcow2, \
            VMDK, VHD, VHDX and raw. In place of a file, INPUT may be an export of an NBD server (nbd://HOST/NAME, \
            nbd+unix:///NAME?socket=PATH; with TLS nbds://, nbds+unix://), whatever format is in it, and OUTPUT one that \
            exists: it is overwritten in place with the raw disk, as by -n. The output appears under its name when it is complete and on the device, or not at all. \
            Options that qemu-img convert has mean the same here.

            EXAMPLES:
              v2v-convert web01.vmdk web01.qcow2
              v2v-convert -c -o compression_type=zstd web01.vmdk web01.qcow2
              v2v-convert -O raw -n web01.vmdk /dev/vg0/web01
              v2v-convert -o subformat=streamOptimized web01.qcow2 web01.vmdk
              v2v-convert -B base.qcow2 web01-delta.vmdk web01.qcow2
              v2v-convert --json -q web01.vmdk web01.qcow2 > report.json
              v2v-convert --verify web01.vmdk web01.qcow2
              v2v-convert --fixup --emit libvirt web01.vmx web01.qcow2
              v2v-convert -O vmdk -o subformat=streamOptimized web01.qcow2 - | ssh store 'cat > web01.vmdk'
              v2v-convert --disk 2 web01.ova web01-data.qcow2
              ssh esx cat /vmfs/volumes/store/web01.ova | v2v-convert - web01.qcow2
              nbdkit -U - -r curl https://example.com/web01.vmdk --run 'v2v-convert "$uri" web01.qcow2'
              v2v-convert web01.vmdk nbd://storage/web01
              v2v-convert info --output json web01.vmdk
              v2v-convert compare web01.vmdk web01.qcow2

            COMMANDS (each has --help; names, options and JSON are qemu-img's):
              info     what an image's metadata says
              check    whether an image's tables contradict each other, and repair of qcow2
              compare  whether two images have the same content
              checksum a digest of a disk's content, the same in every format
              map      where the ranges of a disk are stored
              snapshot the internal snapshots of an image
              measure  how large the output of a conversion will be
              create   a new, empty image
              fixup    makes the Linux guest in an image boot on KVM with virtio; --plan only says how
              inspect  tells what guest is on a machine's disks
              resize   changes the size of a qcow2 or raw disk in place
              rebase   -u changes the name of a qcow2 image's backing file

            OUTPUT OPTIONS (-o):
              qcow2  cluster_size=512..2M (64k), compat=0.10|1.1 (1.1), compression_type=zlib|zstd (zlib), \
            refcount_bits=1..64 (16), extended_l2=on|off (off), lazy_refcounts=on|off (off), \
            preallocation=off|metadata|falloc|full (off), backing_file=FILE, backing_fmt=FORMAT, data_file=FILE, \
            data_file_raw=on|off (off)
              vmdk   subformat=monolithicSparse|monolithicFlat|twoGbMaxExtentSparse|twoGbMaxExtentFlat|\
            streamOptimized (monolithicSparse), adapter_type=ide|buslogic|lsilogic|legacyESX|pvscsi (ide; streamOptimized: \
            lsilogic), hwversion=1.. (4), compat6=on|off (on: hwversion=6), zeroed_grain=on|off (off)
              vpc    (VHD) subformat=dynamic|fixed (dynamic), force_size=on|off (on; off: the disk may grow to whole \
            cylinders, as it does with qemu-img)
              vhdx   subformat=dynamic|fixed (dynamic), block_size=1M..256M (8M to 64M, by the size), log_size=1M..4095M \
            (1M), block_state_zero=on|off (on)
              raw    preallocation=off|falloc|full (off)
              all    nocow and extent_size_hint are taken for qemu-img's sake

            EXIT STATUS:
              0 done, 1 compare: different, 2 wrong usage, 3 done but parts of the input were lost (--salvage), 4 done but the guest was not fixed whole (--fixup), 10 input unreadable, 11 input of unknown format, 12 input damaged, 13 input \
            unsupported, 14 input in use, 20 output exists, 21 output failed, 22 no space, 23 output in use, 30 io_uring \
            refused, 129/130/143 ended by SIGHUP/SIGINT/SIGTERM; check has qemu-img's: see check --help
            """)

    @Argument(
        help:
            "The image to read: an image file, a VMDK descriptor, an OVA, OVF or VMX, a block device; an NBD URI; - for standard input.",
        completion: .file())
    var input: String

    @Argument(help: "The image to write; an NBD URI; - for standard output.", completion: .file())
    var output: String

    @Option(
        name: [.customShort("f"), .long],
        help: "Format of the input: vmdk, qcow2, vdi, vpc (VHD), vhdx, raw, ova, ovf or vmx. Default: its content.")
    var inputFormat: String?

    @Option(
        name: [.customShort("O"), .long],
        help: "Format of the output: qcow2, vmdk, vpc (VHD), vhdx or raw. Default: its extension; raw for an NBD URI.")
    var outputFormat: String?

    @OptionGroup var outputOptions: TargetOptions

    @OptionGroup var state: SnapshotOption

    @Option(
        name: [.customShort("B"), .long],
        help: ArgumentHelp(
            "Write a qcow2 overlay over this file, with only the clusters that differ. Relative to the output's directory.",
            valueName: "file"))
    var backing: String?

    @Flag(name: [.customShort("c"), .long], help: "Compress the clusters.")
    var compress = false

    @Option(
        name: .long,
        help: "Compression level: zlib (streamOptimized too) 0 (fastest) to 12, default 1; zstd 1 to 19, default 3.")
    var compressionLevel: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Window of zlib compression: 32k, or 4k for readers that inflate qcow2 in steps (levels 0 to 9).",
            valueName: "4k|32k"))
    var window: DeflateWindow = .kib32

    @Flag(
        name: [.customShort("p"), .customLong("show-progress")],
        help: "Show progress even if standard error is no terminal.")
    var showProgress = false

    @Option(name: .long, help: "Kind of progress: bar, json (one object a line, on standard error) or none.")
    var progress: ProgressDisplay.Kind?

    @Flag(name: [.customShort("q"), .long], help: "No progress, no summary; errors only.")
    var quiet = false

    @Flag(
        name: .long,
        help:
            "Print the report, or the error, as one JSON object on standard output; beside output -, on standard error."
    )
    var json = false

    @Option(name: [.customShort("m"), .long], help: "Worker threads, 1 to 64. Default: the processors.")
    var workers: Int?

    @Option(name: .long, help: "Pieces of 2 MiB that each thread has in flight, 1 to 64, for slow servers. Default: 4.")
    var queueDepth: Int?

    @Option(
        name: [.customShort("r"), .long],
        help: ArgumentHelp(
            "Copy at most this many bytes a second (suffixes k, M, G), to leave something to others.",
            valueName: "rate"))
    var rateLimit: Size?

    @Option(
        name: [.customShort("S"), .long],
        help: ArgumentHelp(
            "Leave out runs of at least this many zero bytes; 0 writes every byte. Default: a cluster or grain; else 4k.",
            valueName: "size"))
    var sparse: Size?

    @Flag(
        name: [.customShort("n"), .long],
        help: "Write into an existing raw file or block device, in place. Not whole-or-nothing.")
    var noCreate = false

    @Flag(name: .long, help: "With -n or an NBD URI: the target is known to read as zeros.")
    var targetIsZero = false

    @Flag(name: .customShort("W"), help: "Accepted for qemu-img's sake; the order of writes is always free.")
    var outOfOrder = false

    @Option(name: .customShort("t"), help: "Accepted for qemu-img's sake; the output is always flushed to the device.")
    var targetCache: String?

    @Option(name: .customShort("T"), help: "Accepted for qemu-img's sake.")
    var sourceCache: String?

    @OptionGroup var access: SourceOptions

    @Flag(name: .long, help: "Convert a disk of an OVA or OVF although the manifest has another digest for it.")
    var ignoreManifest = false

    @Flag(
        name: .long,
        help: "Make zeros of what can't be read, list it, and go on. The exit status is 3 if anything was lost.")
    var salvage = false

    @Option(
        name: .long, help: "How files are read and written: auto, uring or sync (pread and pwrite).")
    var io: Converter.IOMode = .automatic

    @Option(
        name: .long,
        help:
            "Share the input's blocks instead of copying them, where the filesystem can (XFS, btrfs): auto, always or never."
    )
    var reflink: Reflink = .automatic

    @Flag(name: .long, help: "Write through the page cache instead of past it.")
    var buffered = false

    @Flag(
        name: .long,
        help:
            "Read the output back from the device, tables and all, and fail with status 21 if it is not what was written."
    )
    var verify = false

    @Flag(
        name: .long,
        help:
            "Change the guest so that it boots on KVM with virtio and keeps its network. The exit status is 4 if not all could be done."
    )
    var fixup = false

    @OptionGroup var guest: GuestOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Write a definition of the machine beside the output, too: libvirt (.xml), kubevirt (.yaml), qemu (.sh) or "
                + "proxmox (.conf). Repeat it for more.", valueName: "kind"))
    var emit: [DefinitionFormat] = []

    @Option(name: .long, help: "With --emit: what the disk is attached to, virtio-blk or virtio-scsi.")
    var bus: DiskBus?

    @Flag(name: [.customShort("v"), .long], help: "Say on standard error what is chosen and why.")
    var verbose = false

    func run() async throws {
        do {
            let converter = try makeConverter()
            let display = ProgressDisplay(kind: progressKind)
            let report = try await SignalGuard.cancelling { try await converter.convert { display.show($0) } }
            display.end()
            if json { try JSONOutput.print(report, besideData: writesToStandardOutput) }
            for range in report.lost { Terminal.error(Summary.text(range)) }
            if !quiet { Terminal.error(Summary.text(report)) }
            if !quiet { for path in report.definitions { Terminal.error("\(path): defines the machine") } }
            if !quiet, let fixup = report.fixup {
                Terminal.write(GuestText.text(fixup, isDone: true, withDiffs: verbose))
            }
            if !report.lost.isEmpty { throw ExitCode(ExitStatus.salvaged) }
            if report.fixup?.complete == false { throw ExitCode(ExitStatus.fixupIncomplete) }
        } catch let error as ImageError {
            if json { try JSONOutput.print(error, besideData: writesToStandardOutput) }
            throw error
        }
    }

    /// `-`: standard output has the image, so everything else goes to standard error.
    private var writesToStandardOutput: Bool { output == "-" }

    private var progressKind: ProgressDisplay.Kind {
        if quiet { return .none }
        return progress ?? (showProgress || Terminal.errorIsTerminal ? .bar : .none)
    }

    private func makeConverter() throws(ImageError) -> Converter {
        var source = access.source(input, format: inputFormat)
        source.snapshot = state.snapshot
        source.ignoresManifest = ignoreManifest
        source.salvages = salvage
        var target = DiskImageTarget(path: output)
        if writesToStandardOutput { target.descriptor = STDOUT_FILENO }
        target.format = try outputOptions.parsed(backing: backing, option: "-B").format(outputFormat, of: target)
        target.compresses = compress
        target.compressionLevel = compressionLevel
        target.deflateWindow = window
        target.minimumZeroRun = sparse?.bytes
        target.existing =
            noCreate || target.isExport
            ? (targetIsZero ? .overwriteZeroed : .overwrite) : outputOptions.existing

        var converter = Converter(source: source, target: target)
        converter.workers = workers
        converter.queueDepth = queueDepth
        converter.rateLimit = rateLimit.map { UInt64($0.bytes) }
        converter.io = io
        converter.reflink = reflink
        converter.usesDirectIO = !buffered
        converter.verifies = verify
        if fixup {
            converter.fixup = try guest.options()
        } else if guest.isUsed {
            throw ImageError(
                .invalidOption, "--nic, --nic-names and --manifest say how to fix the guest", advice: "add --fixup")
        }
        if !emit.isEmpty {
            var definitions = DefinitionOptions(Set(emit))
            definitions.bus = bus ?? definitions.bus
            converter.definitions = definitions
        } else if bus != nil {
            throw ImageError(.invalidOption, "--bus is for the definition of a machine", advice: "add --emit")
        }
        converter.logger = Logger(label: "v2v-convert") { _ in StandardErrorLog(level: verbose ? .debug : .warning) }
        return converter
    }
}
