"""Window starts and priming chunks against the golden vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jukebox_studio.reference.folder import Outcome, ReferenceFolder, Report
from jukebox_studio.sampling.windows import split_chunks, window_starts


def check(folder: ReferenceFolder, report: Report) -> None:
    with report.section("sampling/get_starts"):
        rows = folder.json("sampling/get_starts.json")
        starts = [window_starts(r["total_length"], r["n_ctx"], r["hop_length"]) for r in rows]
        exact_rows(report, "sampling/get_starts", starts, [r["starts"] for r in rows])
    with report.section("sampling/split_chunks"):
        rows = folder.json("sampling/split_chunks.json")
        sizes = [split_chunks(r["length"], r["chunk"]) for r in rows]
        exact_rows(report, "sampling/split_chunks", sizes, [r["sizes"] for r in rows])


def exact_rows(report: Report, case: str, got: Sequence[Any], want: Sequence[Any]) -> None:
    """Rows of any length, all equal. Deviation = number of rows that differ."""
    wrong = [i for i, (g, w) in enumerate(zip(got, want, strict=True)) if g != w]
    detail = f"{len(want)} rows"
    if wrong:
        detail = f"row {wrong[0]}: {got[wrong[0]]}, expected {want[wrong[0]]}"
    report.add(Outcome(case, bool(want) and not wrong, len(wrong), 0.0, detail))
