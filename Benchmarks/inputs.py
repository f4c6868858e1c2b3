"""The images that jobs convert, each made when a job first needs it."""

import os
import subprocess
import sys

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40


class Inputs:
    """Makes inputs in the folder `work` and keeps them there for the next time.

    The disk is an ext4 filesystem with the files of `tree`. Where `quick`, what does not come from there is small.
    """

    def __init__(self, work, tree, quick):
        self.work = work
        self.tree = tree
        self.scale = 16 if quick else 1
        self.makers = {
            "disk.raw": self.make_disk,
            "flat.vmdk": self.make_flat,
            "sparse.vmdk": lambda path: self.convert("disk.raw", path, "vmdk", "-o", "subformat=monolithicSparse"),
            "stream.vmdk": lambda path: self.convert("disk.raw", path, "vmdk", "-o", "subformat=streamOptimized"),
            "plain.qcow2": lambda path: self.convert("disk.raw", path, "qcow2"),
            "zlib.qcow2": lambda path: self.convert("disk.raw", path, "qcow2", "-c"),
            "zero.raw": self.make_zero,
            "random.raw": self.make_random,
            "near.qcow2": lambda path: self.make_scattered(path, 4 * GIB),
            "vast.qcow2": lambda path: self.make_scattered(path, 4 * TIB),
            "filled.raw": lambda path: self.make_filled(path, 16 * GIB),
            "part.raw": lambda path: self.make_filled(path, GIB),
        }

    def path(self, name):
        """The input, which is made if it is not there."""
        path = self.work / name
        if not path.exists():
            print(f"making {name}", file=sys.stderr)
            unfinished = self.work / f"new-{name}"
            unfinished.unlink(missing_ok=True)
            self.makers[name](unfinished)
            os.replace(unfinished, path)
        return path

    def files(self, name):
        """The files that hold the input's bytes."""
        return [self.path("disk.raw" if name == "flat.vmdk" else name)]

    def convert(self, source, path, form, *options):
        # Without -W: in the order of the disk, as exports are.
        check("qemu-img", "convert", "-O", form, *options, self.path(source), path)

    def make_disk(self, path):
        size = int(subprocess.run(["du", "-sk", self.tree], check=True, capture_output=True).stdout.split()[0]) * 1024
        if size < 3 * GIB and self.scale == 1:
            print(f"{self.tree} has only {size / GIB:.1f} GiB; figures are to be of 3 GiB at least", file=sys.stderr)
        with open(path, "wb") as file:
            # Room for what the filesystem needs itself, and for a third of free space.
            file.truncate(size * 18 // 10 // MIB * MIB)
        check("mke2fs", "-q", "-t", "ext4", "-F", "-d", self.tree, path)

    def make_flat(self, path):
        """A descriptor whose extent is the raw disk."""
        sectors = self.path("disk.raw").stat().st_size // 512
        path.write_text(
            "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
            f'RW {sectors} FLAT "disk.raw" 0\n')

    def make_zero(self, path):
        """Zeros, of which every second piece is stored and the others are holes."""
        piece = 16 * MIB
        with open(path, "wb") as file:
            file.truncate(4 * GIB // self.scale)
            for offset in range(0, 4 * GIB // self.scale, 2 * piece):
                os.pwrite(file.fileno(), bytes(piece), offset)

    def make_random(self, path):
        with open(path, "wb") as file:
            for _ in range(GIB // self.scale // MIB):
                file.write(os.urandom(MIB))

    def make_scattered(self, path, size):
        """A disk of `size` bytes with 1 GiB of the real disk's data in 64 pieces, evenly spread."""
        raw = path.with_suffix(".raw")
        piece = GIB // self.scale // 64
        with open(self.path("disk.raw"), "rb") as disk, open(raw, "wb") as file:
            file.truncate(size)
            for index in range(64):
                data = os.pread(disk.fileno(), piece, index * piece)
                os.pwrite(file.fileno(), data, index * (size // 64))
        check("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path)
        raw.unlink()


    def make_filled(self, path, size):
        """What the real disk has in its sparse VMDK, over and over: bytes without holes, to be read as raw."""
        data = self.path("sparse.vmdk")
        rest = size // self.scale
        with open(path, "wb") as file:
            while rest > 0:
                with open(data, "rb") as source:
                    rest -= os.sendfile(file.fileno(), source.fileno(), 0, min(rest, data.stat().st_size))


def check(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
