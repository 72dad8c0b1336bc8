"""The command `jukebox-studio evaluate`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Literal

import torch
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from jukebox_studio.bundle import find_bundle
from jukebox_studio.command_types import Positive
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.training.data import at_most_per_artist, decode_tracks, read_table
from jukebox_studio.training.evaluate import EvaluationReport, evaluate

PUBLISHED_CONVERGENCE_DB = {8: -23.0, 32: -12.4, 128: -8.3}
"""By hop at 44.1 kHz (paper, table 1)."""


def evaluate_bundle(
    model: str,
    *,
    data: Path,
    split: Literal["validation", "test"] = "test",
    windows_per_track: Positive = 8,
    minutes_per_artist: float = math.inf,
    threads: Positive = 1,
    json_lines: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Measure a bundle on tracks that it was not trained on.

    Parameters
    ----------
    model
        Name or folder of the bundle.
    data
        The folder of music that its recipe makes.
    split
        Which held-out tracks.
    windows_per_track
        How many windows of each track the priors are measured on.
    minutes_per_artist
        As the priors were trained, so that the baselines learn from the same music.
    threads
        Processor threads.
    json_lines
        Print the report as JSON.
    """
    torch.set_num_threads(threads)
    bundle = find_bundle(model)
    versions = bundle.manifest.label_versions
    if len(versions) != 1:
        raise JukeboxError(f"{bundle.manifest.name} has labels of {len(versions)} versions, not 1.")
    tables = LabelTables.from_file(bundle.labels_path(versions[0]))
    rate = bundle.manifest.sample_rate_hz
    sounds = decode_tracks(read_table(data), rate, data / f"cache-{rate}")
    train = [s for s in sounds if s.track.split == "train"]
    train = at_most_per_artist(train, 60.0 * minutes_per_artist)
    held_out = [s for s in sounds if s.track.split == split]
    if not held_out:
        raise JukeboxError(f"{data} has no {split} tracks to measure on.")
    console = Console(stderr=True)
    report = evaluate(
        bundle,
        tables,
        train,
        held_out,
        split=split,
        cache=data / "codes",
        windows_per_track=windows_per_track,
        told=lambda what: console.print(what, style="dim"),
    )
    if json_lines:
        print(json.dumps(report.to_json()))
    else:
        _print(report)


def _print(report: EvaluationReport) -> None:
    console = Console(soft_wrap=True)
    console.print(
        f"{report.bundle} on {report.tracks} {report.split} tracks, "
        f"{report.seconds / 60:.0f} minutes; means over artists"
    )
    table = Table()
    for heading in (
        "level",
        "hop",
        "bit/s",
        "spectral convergence",
        "codes used",
        "prior",
        "4-gram",
        "code frequency",
    ):
        table.add_column(heading, justify="right")
    for level in report.levels:
        table.add_row(
            str(level.level),
            str(level.hop_samples),
            f"{level.bits_per_second:.0f}",
            f"{level.convergence_db:.2f} dB",
            f"{level.codes_used:.1%}",
            f"{level.prior_bits:.3f} bit",
            f"{level.ngram_bits:.3f} bit",
            f"{level.frequency_bits:.3f} bit",
        )
    console.print(table)
    published = ", ".join(
        f"{db} dB at hop {hop} ({44_100 / hop * 11:.0f} bit/s)"
        for hop, db in PUBLISHED_CONVERGENCE_DB.items()
    )
    console.print(f"The paper's, at 44.1 kHz, on its own music: {published}.", highlight=False)
