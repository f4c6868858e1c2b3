"""A machine under QEMU, without KVM, that boots a guest on a throw-away overlay and hears what its serial console says."""

import contextlib
import dataclasses
import os
import re
import selectors
import shutil
import subprocess
import tempfile
import time

BUSES = ("virtio-blk", "virtio-scsi", "pvscsi", "ahci")
ADAPTERS = ("virtio-net", "vmxnet3")

FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
FIRMWARE_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"

# The guest's clock goes by the instructions that it has executed, 4 ns each: on a busy machine it is late, but nothing in it
# times out (systemd waits 90 s for a disk).
CLOCK = "shift=2,sleep=on"

# What a guest says that won't come up.
FAILURES = re.compile(
    rb"ALERT! +\S+ does not exist"
    rb"|Kernel panic[^\r\n]*"
    rb"|VFS: Unable to mount root[^\r\n]*"
    rb"|(?:You are in|Entering) emergency mode"
    rb"|Cannot open access to console"
    rb"|dracut-initqueue[^\r\n]*timeout - starting timeout scripts"
    rb"|grub rescue>"
    rb"|error: no such device[^\r\n]*"
    rb"|No bootable device"
    rb"|Shell> ")
# What one says that waits in vain; so does one on a slow machine for a while.
WAITING = re.compile(rb"A start job is running for[^\r\n]*?(\S+) \((?:(\d+)min )?(\d+)s / ")
WAITED_IN_VAIN = 45

REPORT = re.compile(rb"guest-report (kernel=[^\r\n]*) guest-report-end")
# In GRUB's menu, which counts down only until the first key.
MENU = re.compile(rb"GNU GRUB +version")
DOWN, ENTER = b"\x0e", b"\r"


@dataclasses.dataclass
class Outcome:
    """What became of a boot: `verdict` is "up", "failed" (`reason` is what the guest said), "exited" or "timeout"."""

    verdict: str
    seconds: float
    reason: str = ""
    report: dict = dataclasses.field(default_factory=dict)

    @property
    def is_up(self):
        return self.verdict == "up"


def command(images, bus, adapter, uefi_variables=None, memory=1024):
    """QEMU's command line. `adapter` vmxnet3 is in the slot where VMware has it, so that udev calls it ens192."""
    words = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1",
             "-icount", CLOCK, "-rtc", "clock=vm", "-m", str(memory), "-nodefaults", "-no-reboot", "-snapshot", "-display", "none",
             "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
             "-netdev", "user,id=network,restrict=on"]
    if uefi_variables:
        words += ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}",
                  "-drive", f"if=pflash,format=raw,file={uefi_variables}"]
    if bus in ("virtio-scsi", "pvscsi"):
        words += ["-device", {"virtio-scsi": "virtio-scsi-pci", "pvscsi": "pvscsi"}[bus] + ",id=scsi"]
    for number, image in enumerate(images):
        words += ["-drive", f"if=none,id=disk{number},file={image.replace(',', ',,')}"
                  f",format={'vmdk' if image.endswith('.vmdk') else 'qcow2' if image.endswith('.qcow2') else 'raw'}"]
        device = {"virtio-blk": "virtio-blk-pci", "virtio-scsi": "scsi-hd,bus=scsi.0", "pvscsi": "scsi-hd,bus=scsi.0",
                  "ahci": f"ide-hd,bus=ide.{number}"}[bus]
        words += ["-device", f"{device},drive=disk{number},bootindex={number + 1}"]
    if adapter == "vmxnet3":
        words += ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
                  "-device", "pcie-root-port,id=slot192,slot=192,chassis=1",
                  "-device", "vmxnet3,netdev=network,bus=slot192"]
    else:
        words += ["-device", "virtio-net-pci,netdev=network"]
    return words


def boot(images, bus, adapter, uefi=False, entry=0, timeout=3600, impatient=False, log=None):
    """Boots until the guest reports, fails, or `timeout` seconds are over.

    `entry` of GRUB's menu is chosen, if it isn't the first. `impatient`: a guest that waits for a device fails.
    All that the console says goes to the file `log`.
    """
    with contextlib.ExitStack() as stack:
        variables = None
        if uefi:
            variables = stack.enter_context(tempfile.NamedTemporaryFile()).name
            shutil.copyfile(FIRMWARE_VARIABLES, variables)
        output = stack.enter_context(open(log or os.devnull, "wb"))
        process = subprocess.Popen(
            command([str(image) for image in images], bus, adapter, variables), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        try:
            return listen(process, output, entry, timeout, impatient)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def listen(process, output, entry, timeout, impatient):
    start = time.monotonic()
    said = b""
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    while True:
        seconds = time.monotonic() - start
        if seconds > timeout:
            return Outcome("timeout", seconds, last_line(said))
        if not selector.select(timeout=min(5, timeout - seconds + 0.1)):
            continue
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            return Outcome("exited", seconds, last_line(said))
        output.write(piece)
        output.flush()
        # Nothing that is looked for is longer than what is kept.
        said = (said + piece)[-16384:]
        if entry and MENU.search(said):
            time.sleep(1)
            process.stdin.write(DOWN * entry + ENTER)
            entry = 0
        if match := REPORT.search(said):
            words = (word.partition("=") for word in match[1].decode(errors="replace").split())
            return Outcome("up", seconds, report={key: value for key, _, value in words})
        if match := FAILURES.search(said):
            return Outcome("failed", seconds, text(match[0]))
        if impatient:
            for match in WAITING.finditer(said):
                if int(match[2] or 0) * 60 + int(match[3]) >= WAITED_IN_VAIN:
                    return Outcome("failed", seconds, f"waits for {text(match[1])}")


def text(said):
    """Without what makes terminals colourful."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]", "", said.decode(errors="replace")).strip()


def last_line(said):
    lines = [line for line in map(text, said.splitlines()) if line]
    return lines[-1] if lines else ""
