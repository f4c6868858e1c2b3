"""What is measured: one entry a job. To add one, add an entry to JOBS."""

import dataclasses
import os
import shutil

MIB = 1 << 20

# What qemu-img can be asked for to be fast. The fastest of what is measured is what we are compared with.
QEMU_FLAGS = {"default": [], "-W -m 16": ["-W", "-m", "16"]}
# Past the page cache, as we write: pays only where nothing is computed.
QEMU_DIRECT = {"-W -m 16 -t none": ["-W", "-m", "16", "-t", "none"]}


@dataclasses.dataclass
class Tool:
    """A command of a job. {converter}, {input} and {output} are put in; for the limit {read}, {written}, {depth}."""

    label: str
    command: list
    input: str
    # What kind of tool it is: ours, qemu-img, the limit, or another peer.
    kind: str
    # Of ours: what is aimed at, by what report.py calls it.
    targets: dict = dataclasses.field(default_factory=dict)

    def missing(self):
        """A program that it needs, itself or as its server, and that is not installed; None if there is none."""
        programs = [word for before, word in zip(["[", *self.command], self.command) if before == "["]
        return next((word for word in programs if word != "{converter}" and not shutil.which(word)), None)


@dataclasses.dataclass
class Job:
    name: str
    tools: list
    # Whether inputs are in the page cache when a run starts.
    warm: bool = True
    # The name of the output; None if there is none.
    output: str | None = "out.qcow2"
    # Whether the chart of the README shows it.
    charted: bool = False


def ours(source, targets, *options, label="v2v-convert"):
    return Tool(label, ["{converter}", "-q", *options, "{input}", "{output}"], source, "ours", targets)


def qemu(source, form, *options, flags=QEMU_FLAGS):
    return [Tool(f"qemu-img {label}", ["qemu-img", "convert", *words, "-O", form, *options, "{input}", "{output}"],
                 source, "qemu-img") for label, words in flags.items()]


def limit():
    """The same bytes, read and written in the same way by two jobs of fio at once; nothing is looked at or copied.

    Reads come from the page cache or through it, writes go past it, in transfers of a chunk, as many in flight as the
    engine has (`ConversionSettings`). What is read is always a file without holes. The time is fio's own, without the
    third of a second that it takes to begin.
    """
    return Tool(
        "fio", ["fio", "--output={output}.json", "--output-format=json", "--ioengine=io_uring", "--bs=2M",
                "--iodepth={depth}", "--fallocate=none", "--scramble_buffers=0", "--thread",
                "--disk_util=0",
                "--name=read", "--rw=read", "--filename={input}", "--size={read}", "--invalidate=0",
                "--name=write", "--rw=write", "--filename={output}", "--size={written}", "--direct=1", "--end_fsync=1"],
        "sparse.vmdk", "limit")


def chunks_in_flight():
    """As `ConversionSettings.defaultWorkers` and `chunksInFlight`."""
    workers = max(1, min(os.cpu_count(), 80 // 12))
    return workers * min(4, max(2, 80 // (6 * workers)))


def nbdcopy(source, *server):
    return Tool("nbdcopy", ["nbdcopy", "--", "[", *server, "{input}", "]", "{output}"], source, "peer")


def plain(name, source, form, *peers, warm):
    """A job in which nothing is computed."""
    targets = {"limit": 0.9, "faster": 2.5, "less cpu": 5}
    return Job(
        f"{name} → {form}, {'warm' if warm else 'cold'}",
        [ours(source, targets), limit(), *qemu(source, form, flags=QEMU_FLAGS | QEMU_DIRECT), *peers],
        warm=warm, output=f"out.{form}", charted=warm and form == "qcow2")


def plain_jobs():
    cp = Tool("cp", ["cp", "--reflink=never", "{input}", "{output}"], "disk.raw", "peer")
    for warm in (True, False):
        for form in ("qcow2", "raw"):
            as_raw = form == "raw"
            yield plain("sparse VMDK", "sparse.vmdk", form,
                        *([nbdcopy("sparse.vmdk", "qemu-nbd", "-r", "-f", "vmdk")] if as_raw else []), warm=warm)
            yield plain("flat VMDK", "flat.vmdk", form, warm=warm)
            yield plain("raw", "disk.raw", form,
                        *([nbdcopy("disk.raw", "nbdkit", "file"), cp] if as_raw else []), warm=warm)


ZSTD = ["-o", "compression_type=zstd"]
STREAM = ["-o", "subformat=streamOptimized"]

JOBS = [
    *plain_jobs(),
    Job("streamOptimized VMDK → qcow2",
        [ours("stream.vmdk", {"faster": 6}), *qemu("stream.vmdk", "qcow2")], charted=True),
    Job("sparse VMDK → qcow2 -c, zlib",
        [ours("sparse.vmdk", {"faster": 5, "size": 1}, "-c"),
         ours("sparse.vmdk", {"faster": 12, "size": 1.2}, "-c", "--compression-level", "0",
              label="v2v-convert, level 0"),
         ours("sparse.vmdk", {"peak": 512 * MIB}, "-c", "-m", "16", label="v2v-convert -m 16"),
         *qemu("sparse.vmdk", "qcow2", "-c")], charted=True),
    Job("sparse VMDK → qcow2 -c, zstd",
        [ours("sparse.vmdk", {"faster": 2.5, "size": 1}, "-c", *ZSTD), *qemu("sparse.vmdk", "qcow2", "-c", *ZSTD)],
        charted=True),
    Job("qcow2, zlib → raw", [ours("zlib.qcow2", {"faster": 4}), *qemu("zlib.qcow2", "raw")],
        output="out.raw", charted=True),
    Job("qcow2, zlib → qcow2", [ours("zlib.qcow2", {"faster": 4}), *qemu("zlib.qcow2", "qcow2")]),
    Job("qcow2 → streamOptimized VMDK",
        [ours("plain.qcow2", {"faster": 6}, *STREAM), *qemu("plain.qcow2", "vmdk", *STREAM)],
        output="out.vmdk", charted=True),
    Job("zeros, half of them holes → qcow2", [ours("zero.raw", {}), *qemu("zero.raw", "qcow2")]),
    Job("incompressible raw → qcow2", [ours("random.raw", {}), *qemu("random.raw", "qcow2")]),
    Job("incompressible raw → qcow2 -c, zlib", [ours("random.raw", {}, "-c"), *qemu("random.raw", "qcow2", "-c")]),
    Job("1 GiB of data in 4 TiB, qcow2 → qcow2",
        [ours("vast.qcow2", {"times the 4 GiB disk": 2}),
         Tool("v2v-convert, the same in 4 GiB", ["{converter}", "-q", "{input}", "{output}"], "near.qcow2", "peer"),
         *qemu("vast.qcow2", "qcow2")]),
    Job("info of a 4 TiB qcow2",
        [Tool("v2v-convert", ["{converter}", "info", "{input}"], "vast.qcow2", "ours",
              {"wall": 0.02, "peak": 24 * MIB}),
         Tool("qemu-img", ["qemu-img", "info", "{input}"], "vast.qcow2", "qemu-img")], output=None),
]
