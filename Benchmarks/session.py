"""What `run` and `scaling` share: their options, the converter, the machine, and where figures are kept."""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess

import inputs

PROJECT = pathlib.Path(__file__).resolve().parent.parent


class Session:
    def __init__(self, arguments):
        self.work = arguments.work / ("quick" if arguments.quick else "full")
        self.work.mkdir(parents=True, exist_ok=True)
        self.inputs = inputs.Inputs(self.work, arguments.tree, arguments.quick)
        self.converter = build()
        # What is quick says nothing and is not kept.
        self.folder = self.work if arguments.quick else PROJECT / "Benchmarks/runs" / folder_name()
        self.folder.mkdir(parents=True, exist_ok=True)

    def store(self, name, content):
        if not isinstance(content, str):
            content = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (self.folder / name).write_text(content)

    def stored(self, name):
        """What `store` kept under the name today; None if nothing."""
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else None


def options(description, runs):
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help=f"counted runs (default: {runs}; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="small inputs, to try the machinery; keeps no figures")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp/v2v-benchmark"),
                        help="folder for inputs and outputs (default: %(default)s)")
    parser.add_argument("--tree", type=pathlib.Path, help="what is on the disk (default: the Swift toolchain)")
    return parser


def parse(parser, runs):
    arguments = parser.parse_args()
    toolchain = pathlib.Path(shutil.which("swift")).resolve().parents[2]
    arguments.tree = arguments.tree or (toolchain / "usr/lib/swift/host" if arguments.quick else toolchain)
    arguments.runs = arguments.runs or (1 if arguments.quick else runs)
    return arguments


def build():
    command = ["swift", "build", "--package-path", PROJECT, "-c", "release", "--product", "v2v-convert"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    folder = subprocess.run([*command, "--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    return f"{folder}/v2v-convert"


def processor():
    names = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else os.uname().machine


def folder_name():
    words = [word for word in processor().replace("(R)", "").split()[:4] if word[0].isalnum()]
    return "-".join([datetime.date.today().isoformat(), *words])


def machine():
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"processor": processor(), "processors": os.cpu_count(), "memory": memory,
            "kernel": f"Linux {os.uname().release}", "versions": versions()}


def commit():
    return output("git", "-C", PROJECT, "describe", "--always", "--dirty")


def versions():
    found = {"v2v-convert": f"v2v-convert {commit()}"}
    for tool in ("qemu-img", "nbdcopy", "nbdkit", "fio", "cp"):
        if shutil.which(tool):
            found[tool] = output(tool, "--version").splitlines()[0]
    return found


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
