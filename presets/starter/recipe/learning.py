"""How the starter learned, and what more compute would bring.

    python presets/starter/recipe/learning.py add PART VERSION RUN...
    python presets/starter/recipe/learning.py heard VERSION EVALUATION_JSON
    python presets/starter/recipe/learning.py draw docs/images/starter-learning.png
    python presets/starter/recipe/learning.py forecast

`add` takes the logs of runs that follow each other into `learning.csv`, which is kept in git; the
runs themselves are not. Hours are of one core, and count on from those of the version before.
`heard` takes the shares of clips that an evaluation found into `heard.csv`. `forecast` prints, as
Markdown, how many times the training so far would bring each measure to its aim.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jukebox_studio.files import write_atomically

TABLE = Path(__file__).with_name("learning.csv")
HEARD = Path(__file__).with_name("heard.csv")
LONGEST_STEP_SECONDS = 10.0
"""A longer gap between two lines of a log is a pause, not work."""
HELD_OUT = ("held_out_bits_per_code", "held_out_convergence_db")
TOP = "top prior (bits)"
DRAWS = 4000
FURTHEST = 1000.0
"""Times the training so far; what would take more is called out of reach."""


class Row(NamedTuple):
    part: str
    version: int
    core_hours: float
    windows: int
    """shown so far"""
    held_out: float


class Heard(NamedTuple):
    """A share of clips, by the version that it was measured on."""

    measure: str
    version: int
    windows: int
    """shown to the top prior so far"""
    share: float
    clips: int
    aim: float


def read(path: Path = TABLE) -> list[Row]:
    return [Row(r[0], int(r[1]), float(r[2]), int(r[3]), float(r[4])) for r in _lines(path)]


def read_heard(path: Path = HEARD) -> list[Heard]:
    return [
        Heard(r[0], int(r[1]), int(r[2]), float(r[3]), int(r[4]), float(r[5])) for r in _lines(path)
    ]


def _lines(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def _write(path: Path, fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([fields, *sorted(rows)])
    write_atomically(path, text.getvalue().encode())


def rows_of(log: Path, part: str, version: int, batch: int, before: Row | None) -> list[Row]:
    """The held-out measures of a run, its time and windows added to those of the run before."""
    hours, shown = (before.core_hours, before.windows) if before else (0.0, 0)
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    rows, last_time, last_step = [], None, 0
    for line in lines:
        steps = line["step"] - last_step
        if last_time is not None and line["time"] - last_time < steps * LONGEST_STEP_SECONDS:
            hours += (line["time"] - last_time) / 3600
        last_time, last_step = line["time"], line["step"]
        for key in HELD_OUT:
            if key in line:
                windows, value = shown + line["step"] * batch, round(line[key], 4)
                rows.append(Row(part, version, round(hours, 3), windows, value))
    return rows


def add(part: str, version: int, runs: list[Path]) -> None:
    known = [row for row in read() if (row.part, row.version) != (part, version)]
    earlier = [row for row in known if row.part == part and row.version < version]
    rows = earlier[-1:]
    for run in runs:
        batch = json.loads((run / "run.json").read_text(encoding="utf-8"))["batch"]
        before = rows[-1] if rows else None
        rows += rows_of(run / "log.jsonl", part, version, batch, before)
    _write(TABLE, Row._fields, known + rows[len(earlier[-1:]) :])


def hear(version: int, report: dict[str, Any], windows: int) -> list[Heard]:
    """The shares of a report of `jukebox-studio evaluate` that have an aim."""
    found = []
    for condition in report.get("conditions", {}).get("conditions", []):
        if condition["averages"]:
            share = condition["averages"]["groups"]["all"]["pairs"]
            clips, aim = condition["clips"], condition["aim"]
            found.append(Heard(condition["name"], version, windows, round(share, 4), clips, aim))
    if "samples" in report:
        averages = report["samples"]["averages"]["continuation"]
        share = averages["groups"]["singing"].get("words_pairs")
        if share is not None:
            clips = averages["counts"]["words_pairs"]
            found.append(Heard("sung words", version, windows, round(share, 4), clips, 0.7))
    return found


def ends(rows: Sequence[Row]) -> list[Row]:
    """The last row of each version: where its learning rate had come down."""
    return list({row.version: row for row in rows}.values())


def exponents(rows: Sequence[Row]) -> list[float]:
    """Of the power laws of windows through each two ends that follow each other; a falling measure
    has positive ones. Decibels count as the ratio that they are of."""
    found = []
    last = ends(rows)
    for a, b in pairwise(last):
        fall = (
            (a.held_out - b.held_out) / 20 * math.log(10)
            if a.held_out < 0
            else math.log(a.held_out / b.held_out)
        )
        found.append(fall / math.log(b.windows / a.windows))
    return found


def times_needed(points: Sequence[Heard], seed: int = 0) -> NDArray[np.float64] | None:
    """How many times the windows so far bring a share to its aim: Array[DRAWS], infinite where it
    does not rise; None for fewer than two versions.

    A straight line of log odds over the log of windows, through shares drawn as often as they may
    have come out with so many clips.
    """
    if len({p.windows for p in points}) < 2:
        return None
    clips = np.array([p.clips for p in points], dtype=float)
    share = np.clip([p.share for p in points], 0.5 / clips, 1 - 0.5 / clips)
    spread = 1 / np.sqrt(clips * share * (1 - share))
    windows = np.log([p.windows for p in points])
    odds = np.log(share / (1 - share))
    drawn = odds + spread * np.random.default_rng(seed).standard_normal((DRAWS, len(points)))
    weight = spread**-2 / (spread**-2).sum()
    middle = windows @ weight
    slope = drawn @ (weight * (windows - middle)) / ((windows - middle) ** 2 @ weight)
    level = drawn @ weight + slope * (windows.max() - middle)
    aim = math.log(points[-1].aim / (1 - points[-1].aim))
    with np.errstate(divide="ignore", over="ignore"):
        more = np.exp(np.where(slope > 0, (aim - level) / np.maximum(slope, 1e-12), np.inf))
    return np.where(level >= aim, 1.0, more)


def _times(value: float) -> str:
    if value <= 1:
        return "reached"
    return f"{value:.1f} x" if value <= FURTHEST else "out of reach"


def forecast() -> str:
    """Two tables: the curves of losses, and the measures that have an aim."""
    lines = [
        "| curve | version: held out | windows | at twice the windows | at ten times |",
        "|---|---|---:|---:|---:|",
    ]
    rows = read()
    for part in sorted({row.part for row in rows}):
        of_part = [row for row in rows if row.part == part]
        last = ends(of_part)
        found = exponents(of_part)
        told = "; ".join(f"{row.version}: {row.held_out:.2f}" for row in last)
        ahead = [_range([_ahead(last[-1].held_out, times, e) for e in found]) for times in (2, 10)]
        lines.append(f"| {part} | {told} | {last[-1].windows:,} | {' | '.join(ahead)} |")
    lines += [
        "",
        "| measure | version: share | clips | aim | training so far, times | 10 to 90 % |",
        "|---|---|---:|---:|---:|---|",
    ]
    heard = read_heard()
    for measure in dict.fromkeys(h.measure for h in heard):
        points = [h for h in heard if h.measure == measure]
        told = "; ".join(f"{p.version}: {p.share:.0%}" for p in points)
        times = times_needed(points)
        middle, between = "-", "-"
        if times is not None:
            low, half, high = np.quantile(times, (0.1, 0.5, 0.9), method="nearest")
            reached = points[-1].share >= points[-1].aim
            middle = "reached" if reached else _times(half)
            between = f"{_times(low)} to {_times(high)}"
        clips, aim = points[-1].clips, points[-1].aim
        lines.append(f"| {measure} | {told} | {clips} | {aim:.0%} | {middle} | {between} |")
    return "\n".join(lines) + "\n"


def _ahead(value: float, times: float, exponent: float) -> float:
    fall = exponent * math.log(times)
    return value - 20 * fall / math.log(10) if value < 0 else value * math.exp(-fall)


def _range(values: Sequence[float]) -> str:
    told = [f"{value:.2f}" for value in sorted(values)]
    return " to ".join(dict.fromkeys((told[0], told[-1]))) if told else "-"


def draw(out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = read()
    parts = sorted({row.part for row in rows})
    figure, axes = plt.subplots(1, len(parts), figsize=(4.2 * len(parts), 3.4), squeeze=False)
    for axis, part in zip(axes[0], parts, strict=True):
        of_part = [row for row in rows if row.part == part]
        for version in sorted({row.version for row in of_part}):
            points = [r for r in of_part if r.version == version]
            axis.plot(
                [p.windows for p in points],
                [p.held_out for p in points],
                marker=".",
                label=f"version {version}",
            )
        if found := exponents(of_part):
            last = ends(of_part)[-1]
            times = np.geomspace(1, 4, 20)
            low, high = (
                [_ahead(last.held_out, t, e) for t in times] for e in (max(found), min(found))
            )
            axis.fill_between(last.windows * times, low, high, alpha=0.25, color="grey")
            axis.plot(last.windows * times, low, "--", color="grey", label="if it goes on so")
        axis.set_xscale("log")
        axis.set(title=part, xlabel="windows learned from", ylabel="held out")
        axis.grid(alpha=0.3, which="both")
        axis.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add")
    adding.add_argument("part")
    adding.add_argument("version", type=int)
    adding.add_argument("runs", type=Path, nargs="+")
    hearing = commands.add_parser("heard")
    hearing.add_argument("version", type=int)
    hearing.add_argument("report", type=Path)
    drawing = commands.add_parser("draw")
    drawing.add_argument("out", type=Path)
    commands.add_parser("forecast")
    options = parser.parse_args()
    if options.command == "add":
        add(options.part, options.version, options.runs)
    elif options.command == "heard":
        windows = max(r.windows for r in read() if (r.part, r.version) == (TOP, options.version))
        found = hear(options.version, json.loads(options.report.read_text("utf-8")), windows)
        names = {h.measure for h in found}
        known = [h for h in read_heard() if h.version != options.version or h.measure not in names]
        _write(HEARD, Heard._fields, known + found)
    elif options.command == "draw":
        draw(options.out)
    else:
        print(forecast(), end="")


if __name__ == "__main__":
    main()
