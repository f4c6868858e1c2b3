"""Medians, ratios, and the table they make."""

import statistics

MIB = 1 << 20
PEAK = 128 * MIB  # bytes: what every conversion at default settings must stay below


def medians(runs):
    figures = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    figures["cpu"] = statistics.median(run["user"] + run["sys"] for run in runs)
    return figures


def fastest(job, kind, key="wall"):
    """The figures of the fastest tool of a kind; None if there is none."""
    tools = [tool["medians"] for tool in job["tools"].values() if tool["kind"] == kind]
    return min(tools, key=lambda figures: figures[key], default=None)


def _ratio(kind, key, inverse=False):
    def measured(job, figures):
        other = fastest(job, kind, "flushed" if key == "flushed" else "wall")
        if other is None or not figures[key] or not other[key]:
            return None
        return figures[key] / other[key] if inverse else other[key] / figures[key]
    return measured


def _against_small_disk(job, figures):
    return figures["wall"] / job["tools"]["v2v-convert, the same in 4 GiB"]["medians"]["wall"]


# What can be aimed at: how it is measured in a job (None where the peer is missing), whether more is better, its text.
MEASURES = {
    "limit": (_ratio("limit", "wall"), True, "{:.2f}".format),
    "faster": (_ratio("qemu-img", "wall"), True, "{:.1f}×".format),
    "flushed": (_ratio("qemu-img", "flushed"), True, "{:.1f}×".format),
    "less cpu": (_ratio("qemu-img", "cpu"), True, "{:.1f}×".format),
    "size": (_ratio("qemu-img", "size", inverse=True), False, "{:.3f}".format),
    "peak": (lambda job, figures: figures["peak"], False, lambda value: f"{value / MIB:.0f} MiB"),
    "wall": (lambda job, figures: figures["wall"], False, "{:.3f} s".format),
    "times the 4 GiB disk": (_against_small_disk, False, "{:.2f}×".format),
}


def ratio_row(name, job, label, tool):
    cells = [f"{name}{label.removeprefix('v2v-convert')}"]
    targets = {"peak": PEAK} | tool["targets"]
    for measure in ("limit", "faster", "flushed", "less cpu", "size", "peak"):
        cells.append(cell(measure, job, tool["medians"], targets.pop(measure, None)))
    cells.append("; ".join(
        f"{measure} {cell(measure, job, tool['medians'], bound)}" for measure, bound in targets.items()))
    return cells


def cell(measure, job, figures, bound):
    """The measured value, in bold if it misses what is aimed at."""
    function, more_is_better, text = MEASURES[measure]
    value = function(job, figures)
    if value is None:
        return ""
    shown = text(value)
    if bound is None:
        return shown
    met = value >= bound if more_is_better else value <= bound
    return shown if met else f"**{shown}** (aim: {text(bound)})"


def figure_row(name, label, figures):
    return [name, label, f"{figures['wall']:.3f}", f"{figures['flushed']:.3f}", f"{figures['cpu']:.3f}",
            f"{figures['peak'] / MIB:.0f}", f"{figures['written'] / 1e6:.0f}", f"{figures['size'] / 1e6:.0f}"]


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def markdown(results):
    jobs = results["jobs"]
    machine = results["machine"]
    ratios = [ratio_row(name, job, label, tool) for name, job in jobs.items()
              for label, tool in job["tools"].items() if tool["kind"] == "ours"]
    figures = [figure_row(name, label, tool["medians"]) for name, job in jobs.items()
               for label, tool in job["tools"].items()]
    runs = sorted({len(tool["runs"]) for job in jobs.values() for tool in job["tools"].values()})
    return "\n".join([
        f"{machine['processor']}, {machine['processors']} processors, {machine['kernel']}; "
        f"{'; '.join(machine['versions'].values())}. Medians of {' or '.join(map(str, runs))} interleaved runs.",
        "",
        "v2v-convert against the fastest qemu-img of the same run; of the limit: the time fio needs for the same "
        "bytes, as a part of ours. Bold: not what is aimed at.",
        "",
        table(["job", "of the limit", "faster", "faster, both flushed", "less cpu", "size", "peak", "else"], ratios),
        table(["job", "tool", "wall s", "flushed s", "cpu s", "peak MiB", "written MB", "size MB"], figures)])
