"""Charts as SVG that is readable on a light and on a dark page."""

import math
from xml.sax.saxutils import escape

LIGHT = ("#1f2328", "#59636e", "#d1d9e0", ["#d9480f", "#1c7ed6", "#2b8a3e", "#9c36b5"])
DARK = ("#f0f6fc", "#9198a1", "#3d444d", ["#ff8a4c", "#74c0fc", "#8ce99a", "#e599f7"])
WIDTH = 760


def document(height, elements):
    style = ("text { font: 13px sans-serif } .title { font-weight: 600 } .note { font-size: 11px } "
             "polyline { fill: none; stroke-width: 2 }\n"
             f"{colors(*LIGHT)}\n@media (prefers-color-scheme: dark) {{\n{colors(*DARK)}\n}}")
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}">',
                      f"<style>\n{style}\n</style>", *elements, "</svg>"]) + "\n"


def colors(plain, note, axis, series):
    rules = [f"text {{ fill: {plain} }} .note {{ fill: {note} }} .axis {{ stroke: {axis} }}"]
    for number, color in enumerate(series):
        rules.append(f".s{number} text, .s{number} circle, .s{number} rect {{ fill: {color} }} "
                     f".s{number} polyline {{ stroke: {color} }}")
    return "\n".join(rules)


def text(x, y, content, css="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(content)}</text>'


def line(x1, y1, x2, y2):
    return f'<line class="axis" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def bars(title, note, values):
    """One bar for each pair of a label and how many times faster it is; a line marks 1, what it is compared with."""
    left, right, step, top = 260, WIDTH - 60, 26, 44
    longest = max([1, *(value for _, value in values)])
    width = (right - left) / longest
    height = top + step * len(values) + 34
    elements = [text(0, 18, title, "title")]
    for index, (label, value) in enumerate(values):
        y = top + index * step
        elements += [text(left - 10, y + 13, label, anchor="end"),
                     f'<g class="s0"><rect x="{left}" y="{y}" width="{value * width:.1f}" height="18" rx="2"/></g>',
                     text(left + value * width + 6, y + 13, f"{value:.1f}×")]
    elements += [line(left + width, top - 8, left + width, height - 28), text(0, height - 8, note, "note")]
    return document(height, elements)


def round_up(step):
    """The next number of the form 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)


def lines(title, x_axis, y_axis, series):
    """A line for each label of `series` through its points. The points of an axis are equally far apart."""
    left, right, top, bottom = 60, WIDTH - 190, 44, 300
    columns = sorted({x for points in series.values() for x, _ in points})
    highest = 4 * round_up(max(y for points in series.values() for _, y in points) / 4)
    across = (right - left) / max(1, len(columns) - 1)
    elements = [text(0, 18, title, "title"), text(0, 36, y_axis, "note"),
                text(right, bottom + 34, x_axis, "note", "end")]
    for quarter in range(5):
        y = bottom - (bottom - top) * quarter / 4
        elements += [line(left, y, right, y), text(left - 8, y + 4, f"{highest * quarter / 4:g}", "note", "end")]
    for index, column in enumerate(columns):
        elements.append(text(left + across * index, bottom + 18, f"{column:g}", "note", "middle"))
    names = []
    for number, (label, points) in enumerate(series.items()):
        places = [(left + across * columns.index(x), bottom - (bottom - top) * y / highest) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        elements.append(f'<g class="s{number % len(LIGHT[3])}"><polyline points="{path}"/>'
                        + "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places) + "</g>")
        names.append((places[-1][1], number, label))
    below = top
    for y, number, label in sorted(names):
        below = max(y, below)  # names of lines that end together stand below each other
        elements.append(f'<g class="s{number % len(LIGHT[3])}">{text(right + 10, below + 4, label)}</g>')
        below += 16
    return document(bottom + 44, elements)
