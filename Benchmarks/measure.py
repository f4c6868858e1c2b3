"""Runs a command and tells what it cost; puts files into the page cache and takes them out."""

import json
import os
import subprocess
import tempfile
import time

BLOCK = 512  # bytes: the unit of st_blocks and of ru_oublock


def allocated(path):
    """Bytes of storage that a file takes."""
    return path.stat().st_blocks * BLOCK


def measure(command, output):
    """Runs the command, which makes `output` (a path that nothing is at; None if it makes no file).

    Everything is on its device before the clock starts. Returns, in seconds and bytes:
    wall     from start to exit
    flushed  from start until the output is on its device too: what a program leaves in the page cache is not done
    user, sys, written   as the kernel counts them for the command and its children; `written` is ru_oublock: what
             went to filesystems, be it past the page cache or into it
    peak     the largest resident set of any one process; GNU time's, because a child of ours would start with our size
    size     the output's, as allocated
    """
    os.sync()
    with tempfile.NamedTemporaryFile() as peak:
        start = time.monotonic()
        process = subprocess.Popen(["time", "-q", "-f", "%M", "-o", peak.name, *command], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, command)
        peak_kib = int(peak.read())
    if output is not None:
        flush(output)
    return {
        "wall": wall,
        "flushed": time.monotonic() - start,
        "user": usage.ru_utime,
        "sys": usage.ru_stime,
        "peak": peak_kib * 1024,
        "written": usage.ru_oublock * BLOCK,
        "size": allocated(output) if output is not None else 0,
    }


def fio_seconds(report):
    """From start to end of the longest of fio's jobs, as its JSON says; takes the report away."""
    milliseconds = max(job["job_runtime"] for job in json.loads(report.read_text())["jobs"])
    report.unlink()
    return milliseconds / 1000


def flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def warm(path):
    """Reads a file's data, not its holes, into the page cache."""
    with open(path, "rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size
        position = 0
        while position < end:
            try:
                position = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole follows
                return
            hole = os.lseek(file.fileno(), position, os.SEEK_HOLE)
            while position < hole:
                position += len(os.pread(file.fileno(), min(1 << 20, hole - position), position))


def chill(path):
    """Takes a file out of the page cache. It must be clean, which `measure` sees to. Needs no root."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
