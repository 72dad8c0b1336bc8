"""Everything that an evaluation found, as JSON and as tables for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jukebox_studio.training.averages import GROUPS
from jukebox_studio.training.conditions import ConditionsReport
from jukebox_studio.training.evaluate import EvaluationReport, LevelReport, decibels
from jukebox_studio.training.lyric_attention import HeadScore
from jukebox_studio.training.samples import KINDS, SUNG_KINDS, SamplesReport
from jukebox_studio.training.similarity import Discrepancy

PUBLISHED_CONVERGENCE_DB = {8: -23.0, 32: -12.4, 128: -8.3}
"""By hop at 44.1 kHz (paper, table 1)."""
PUBLISHED_BITS = 11
"""Of a code: 2,048 of them."""


def to_json(value: Any) -> Any:
    """Dataclasses as objects; what was not measured (NaN) as null, which JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_json(asdict(value))
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> Table:
    """The first columns to the left, numbers to the right."""
    made = Table()
    for i, heading in enumerate(headings):
        made.add_column(heading, justify="left" if i < text_columns else "right")
    for row in rows:
        made.add_row(*row)
    return made


def number(value: float | None, form: str = ".2f", unit: str = "") -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:{form}}{unit}"


def share(value: float | None) -> str:
    return number(value, ".0%")


def print_reconstruction(console: Console, report: EvaluationReport) -> None:
    rows = []
    for level in report.levels:
        for group in GROUPS:
            convergence = level.averages.get("convergence", group)
            if math.isnan(convergence):
                continue
            rows.append(
                (
                    str(level.level),
                    group,
                    str(level.hop_samples),
                    f"{level.bits_per_second:.0f}",
                    number(decibels(convergence), unit=" dB"),
                    number(level.averages.get("mel_distance", group), ".3f"),
                    share(level.codes_used) if group == "all" else "",
                )
            )
    headings = (
        "level",
        "of",
        "hop",
        "bit/s",
        "spectral convergence",
        "log mel distance",
        "codes used",
    )
    console.print("Reconstruction", style="bold")
    console.print(table(headings, rows, 2))
    published = ", ".join(
        f"{db} dB at hop {hop} ({44_100 / hop * PUBLISHED_BITS:.0f} bit/s)"
        for hop, db in PUBLISHED_CONVERGENCE_DB.items()
    )
    console.print(f"The paper's, at 44.1 kHz, on its own music: {published}.", highlight=False)


def print_bits(console: Console, report: EvaluationReport) -> None:
    rows = [row for level in report.levels for row in _bits_rows(level)]
    headings = (
        "level",
        "of",
        "prior",
        "code frequency",
        "2-gram",
        "3-gram",
        "4-gram",
        "below the best",
    )
    console.print("Bits per code", style="bold")
    console.print(table(headings, rows, 2))


def _bits_rows(level: LevelReport) -> list[tuple[str, ...]]:
    rows = []
    for group in GROUPS:
        prior = level.averages.get("prior", group)
        if math.isnan(prior):
            continue
        orders = [level.averages.get(f"ngram_{n}", group) for n in range(1, 5)]
        rows.append(
            (
                str(level.level),
                group,
                number(prior, ".3f"),
                *(number(bits, ".3f") for bits in orders),
                number(1 - prior / min(orders), ".1%"),
            )
        )
    return rows


def print_conditions(console: Console, report: ConditionsReport) -> None:
    console.print(f"Conditions, on {report.clips} windows", style="bold")
    rows = []
    for condition in report.conditions:
        if condition.averages is None:
            rows.append((condition.what, condition.why_not, *[""] * 7))
            continue
        for group in GROUPS:
            values = condition.averages.groups[group]
            if not values:
                continue
            rows.append(
                (
                    condition.what if group == "all" else "",
                    group,
                    str(condition.clips) if group == "all" else "",
                    share(values.get("pairs")),
                    share(values.get("beats_mean")),
                    share(values.get("beats_every")),
                    number(values.get("saves_bits"), ".3f"),
                    number(values.get("saves_unknown"), ".3f"),
                    share(condition.aim) if group == "all" else "",
                )
            )
    headings = (
        "fewer bits with the",
        "of",
        "clips",
        "pairs",
        "clips, mean",
        "clips, every",
        "bits saved",
        "against unknown",
        "aim (pairs)",
    )
    console.print(table(headings, rows, 2))


def print_samples(console: Console, report: SamplesReport) -> None:
    console.print(f"{report.clips} samples of {report.seconds:.1f} s", style="bold")
    real = report.real_against_real
    rows = [("real against real, other places", *_discrepancy(real), *[""] * 6)]
    for kind, what in KINDS.items():
        values = report.averages[kind].groups["all"]
        rows.append(
            (
                what,
                *_discrepancy(report.discrepancies[kind]),
                number(values.get("loudness_lufs"), ".1f", " LUFS"),
                number(values.get("silence"), ".1%"),
                number(values.get("clipped"), ".2%"),
                number(values.get("top_repeat"), ".2f", " s"),
                number(values.get("bottom_repeat"), ".3f", " s"),
                number(report.averages[kind].get("voice", "music"), ".0%"),
            )
        )
    headings = (
        "of",
        "MMD",
        "+-",
        "loudness",
        "silent",
        "clipped",
        "longest repeat, top",
        "bottom",
        "voice in music",
    )
    console.print(table(headings, rows))
    words = []
    for sung_kind in SUNG_KINDS:
        values = report.averages[sung_kind].groups["singing"]
        words.append(
            (
                KINDS[sung_kind],
                share(values.get("voice_where_sung")),
                share(values.get("voice_share")),
                share(values.get("words_pairs")),
                share(values.get("words_best")),
                str(report.averages[sung_kind].counts.get("words_best", 0)),
            )
        )
    headings_of_words = (
        "where words are sung",
        "a voice is heard",
        "of the time",
        "words fit better than shuffled, pairs",
        "than every of four (chance 20%)",
        "renders with words",
    )
    console.print(table(headings_of_words, words))


def _discrepancy(found: Discrepancy | None) -> tuple[str, str]:
    if found is None:
        return "-", "-"
    return number(found.mmd, ".3f"), number(found.spread, ".3f")


def print_heads(console: Console, heads: Sequence[HeadScore]) -> None:
    """The best few of the heads that look at words."""
    if not heads:
        console.print("No lyric alignment: the bundle knows no words, or no held-out track has.")
        return
    console.print("Heads that follow the words", style="bold")
    rows = [
        (
            f"layer {h.layer}, head {h.head}",
            share(h.near),
            share(h.by_chance),
            number(h.centre_error, ".1f"),
        )
        for h in heads[:5]
    ]
    headings = ("head", "attention near what is sung", "chance", "centre off by characters")
    console.print(table(headings, rows))
