"""Everything that an evaluation found, as JSON and as tables for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jukebox_studio.training.averages import GROUPS, Averages
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


@dataclass(frozen=True)
class Section:
    """A table for people; the first columns to the left, numbers to the right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1
    note: str = ""

    def print(self, console: Console) -> None:
        console.print(self.title, style="bold", highlight=False)
        if self.rows:
            table = Table()
            for i, heading in enumerate(self.headings):
                table.add_column(heading, justify="left" if i < self.text_columns else "right")
            for row in self.rows:
                table.add_row(*row)
            console.print(table)
        if self.note:
            console.print(self.note, highlight=False)

    def to_markdown(self) -> str:
        lines = [f"**{self.title}**", ""]
        if self.rows:
            sides = ["---" if i < self.text_columns else "---:" for i in range(len(self.headings))]
            lines += ["| " + " | ".join(row) + " |" for row in (self.headings, sides, *self.rows)]
            lines.append("")
        if self.note:
            lines += [self.note, ""]
        return "\n".join(lines)


def number(value: float | None, form: str = ".2f", unit: str = "") -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:{form}}{unit}"


def share(value: float | None) -> str:
    return number(value, ".0%")


def reconstruction_section(report: EvaluationReport) -> Section:
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
    published = ", ".join(
        f"{db} dB at hop {hop} ({44_100 / hop * PUBLISHED_BITS:.0f} bit/s)"
        for hop, db in PUBLISHED_CONVERGENCE_DB.items()
    )
    note = f"The paper's, at 44.1 kHz, on its own music: {published}."
    return Section("Reconstruction", headings, rows, 2, note)


def bits_section(report: EvaluationReport) -> Section:
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
    return Section("Bits per code", headings, rows, 2)


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


def conditions_section(report: ConditionsReport) -> Section:
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
    return Section(f"Conditions, on {report.clips} windows", headings, rows, 2)


def samples_section(report: SamplesReport) -> Section:
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
    return Section(f"{report.clips} samples of {report.seconds:.1f} s", headings, rows)


def words_section(report: SamplesReport) -> Section:
    rows = []
    for sung_kind in SUNG_KINDS:
        values = report.averages[sung_kind].groups["singing"]
        rows.append(
            (
                KINDS[sung_kind],
                share(values.get("voice_where_sung")),
                share(values.get("voice_share")),
                share(values.get("words_pairs")),
                share(values.get("words_best")),
                str(report.averages[sung_kind].counts.get("words_best", 0)),
            )
        )
    headings = (
        "of",
        "a voice is heard",
        "of the time",
        "words fit better than shuffled, pairs",
        "than every of four (chance 20%)",
        "renders with words",
    )
    return Section("Where words are sung", headings, rows)


def _discrepancy(found: Discrepancy | None) -> tuple[str, str]:
    if found is None:
        return "-", "-"
    return number(found.mmd, ".3f"), number(found.spread, ".3f")


def heads_section(heads: Sequence[HeadScore]) -> Section:
    """The best few of the heads that look at words."""
    title = "Heads that follow the words"
    if not heads:
        return Section(title, (), (), note="The bundle knows no words, or no held-out track has.")
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
    return Section(title, headings, rows)


def aims_section(
    levels: EvaluationReport | None,
    conditions: ConditionsReport | None,
    samples: SamplesReport | None,
) -> Section:
    """What was aimed at (issue "A starter model worth hearing") beside what was reached."""
    rows = []

    def row(
        what: str, aim: float, reached: float, form: str, unit: str = "", sign: int = 1
    ) -> None:
        if math.isfinite(reached):
            met = "yes" if sign * reached >= sign * aim else "no"
            rows.append((what, number(aim, form, unit), number(reached, form, unit), met))

    if levels is not None:
        bottom, top = levels.levels[0], levels.levels[-1]
        row("reconstruction, bottom level", *_convergence(bottom, -12.0), sign=-1)
        row("reconstruction, top level", *_convergence(top, -6.0), sign=-1)
        for level in levels.levels:
            row(f"codes used, level {level.level}", 0.9, level.codes_used, ".0%")
        row("bits below the best n-gram, top level", 0.15, top.below_ngram, ".0%")
    for condition in conditions.conditions if conditions else ():
        if condition.averages is not None:
            what = f"heard: {condition.what}"
            row(what, condition.aim, condition.averages.get("pairs"), ".0%")
    if samples is not None:
        sung = samples.averages["continuation"].groups["singing"]
        row("sung words fit better than shuffled", 0.7, sung.get("words_pairs", math.nan), ".0%")
    return Section("Aims", ("measure", "aim", "reached", "met"), rows)


def _convergence(level: LevelReport, aim: float) -> tuple[float, float, str, str]:
    return aim, level.convergence_db, ".1f", " dB"


def artists_section(
    levels: EvaluationReport | None,
    conditions: ConditionsReport | None,
    samples: SamplesReport | None,
) -> Section:
    """A row for each artist of what was measured."""
    columns: list[tuple[str, Averages, str, str]] = []
    for level in levels.levels if levels else ():
        columns += [
            (f"log mel distance, level {level.level}", level.averages, "mel_distance", ".2f"),
            (f"bits, level {level.level}", level.averages, "prior", ".2f"),
        ]
    for condition in conditions.conditions if conditions else ():
        if condition.averages is not None:
            columns.append((f"{condition.name} heard", condition.averages, "pairs", ".0%"))
    if samples is not None:
        averages = samples.averages["continuation"]
        columns += [
            ("words fit", averages, "words_pairs", ".0%"),
            ("voice heard", averages, "voice", ".0%"),
            ("loudness", averages, "loudness_lufs", ".1f"),
        ]
    columns = [c for c in columns if any(c[2] in values for values in c[1].by_artist.values())]
    artists = sorted({artist for _, averages, _, _ in columns for artist in averages.by_artist})
    rows = [
        (
            artist,
            *(
                number(found.by_artist.get(artist, {}).get(key), form)
                for _, found, key, form in columns
            ),
        )
        for artist in artists
    ]
    return Section("By artist", ("artist", *(name for name, _, _, _ in columns)), rows)
