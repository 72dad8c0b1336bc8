"""How the starter's priors learned: collects the logs of training runs and draws them.

    python presets/starter/recipe/learning.py add PART VERSION RUN...
    python presets/starter/recipe/learning.py draw docs/images/starter-learning.png

`add` takes the logs of runs that follow each other into `learning.csv`, which is kept in git; the
runs themselves are not. Hours are of one core, and count on from those of the version before.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import NamedTuple

from jukebox_studio.files import write_atomically

TABLE = Path(__file__).with_name("learning.csv")
LONGEST_STEP_SECONDS = 10.0
"""A longer gap between two lines of a log is a pause, not work."""


class Row(NamedTuple):
    part: str
    version: int
    core_hours: float
    windows: int
    """shown so far"""
    held_out_bits: float


def read(path: Path = TABLE) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(r[0], int(r[1]), float(r[2]), int(r[3]), float(r[4]))
            for r in list(csv.reader(file))[1:]
        ]


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
        if "held_out_bits_per_code" in line:
            bits = round(line["held_out_bits_per_code"], 4)
            rows.append(Row(part, version, round(hours, 3), shown + line["step"] * batch, bits))
    return rows


def add(part: str, version: int, runs: list[Path]) -> None:
    known = [row for row in read() if (row.part, row.version) != (part, version)]
    earlier = [row for row in known if row.part == part and row.version < version]
    rows = earlier[-1:]
    for run in runs:
        batch = json.loads((run / "run.json").read_text(encoding="utf-8"))["batch"]
        before = rows[-1] if rows else None
        rows += rows_of(run / "log.jsonl", part, version, batch, before)
    rows = rows[len(earlier[-1:]) :]
    lines = [",".join(Row._fields)] + [",".join(map(str, row)) for row in sorted(known + rows)]
    write_atomically(TABLE, ("\n".join(lines) + "\n").encode())


def draw(out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = read()
    parts = sorted({row.part for row in rows})
    figure, axes = plt.subplots(1, len(parts), figsize=(4.5 * len(parts), 3.4), squeeze=False)
    for axis, part in zip(axes[0], parts, strict=True):
        for version in sorted({row.version for row in rows if row.part == part}):
            points = [r for r in rows if (r.part, r.version) == (part, version)]
            axis.plot(
                [p.core_hours for p in points],
                [p.held_out_bits for p in points],
                marker=".",
                label=f"version {version}",
            )
        axis.set(title=part, xlabel="hours of one core", ylabel="held-out bits per code")
        axis.grid(alpha=0.3)
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
    drawing = commands.add_parser("draw")
    drawing.add_argument("out", type=Path)
    options = parser.parse_args()
    if options.command == "add":
        add(options.part, options.version, options.runs)
    else:
        draw(options.out)


if __name__ == "__main__":
    main()
