"""All checks over one folder, and what is told of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jukebox_studio.errors import JukeboxError
from jukebox_studio.reference.folder import Outcome, ReferenceFolder, Report

PARTS = ("vqvae", "prior", "labels", "sampling", "windows")
"""Modules beside this one, each with `check(folder, report)`. Imported one by one, so that a part
that cannot be imported fails and the others still run."""


@dataclass
class _PrintedReport(Report):
    """Tells each outcome as it comes: a whole folder takes minutes."""

    write: Callable[[str], None] = print

    def add(self, outcome: Outcome) -> None:
        super().add(outcome)
        self.write(_line(outcome))


def run_reference(root: Path, ids: Path | None, write: Callable[[str], None]) -> bool:
    """Run every case of a folder of golden vectors; True where all pass.

    Writes a line per case with its largest deviation and its tolerance, and ends with
    `N passed, N failed`. A listed file that is missing, altered or used by no check is a failure.

    Raises JukeboxError where `root` is no such folder.
    """
    try:
        folder = ReferenceFolder(root, ids)
        listed = {str(name): str(digest) for name, digest in folder.listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JukeboxError(f"{root / 'cases.json'} does not list files by name.") from error
    if not listed:
        raise JukeboxError(f"{root / 'cases.json'} lists no files.")
    if ids is not None and not ids.is_dir():
        raise JukeboxError(f"{ids} is not a folder of label tables.")
    report = _PrintedReport(write=write)
    for part in PARTS:
        with report.section(part):
            importlib.import_module(f"jukebox_studio.reference.{part}").check(folder, report)
    for name in folder.unused():
        with report.section(f"files/{name}"):
            folder.path(name)
            report.true(f"files/{name}", False, "is listed, but no check uses it")
    passed = len(report.outcomes) - report.failed
    write(f"{passed} passed, {report.failed} failed")
    return report.failed == 0


def _line(outcome: Outcome) -> str:
    verdict = "pass" if outcome.passed else "FAIL"
    deviation = f"{outcome.deviation:.3g} of {outcome.tolerance:.3g}"
    detail = " ".join(outcome.detail.split())
    return f"{verdict}  {outcome.case:<60} {deviation:<22} {detail}".rstrip()
