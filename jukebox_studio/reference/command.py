"""The command `jukebox-studio check-reference`."""

from __future__ import annotations

import sys
from pathlib import Path


def check_reference(folder: Path, *, ids: Path | None = None) -> None:
    """Compare our numbers with golden vectors of the original code.

    Prints a line per case with its largest deviation and tolerance, then `N passed, N failed`.

    Parameters
    ----------
    folder
        Golden vectors, listed in its cases.json.
    ids
        The artist and genre tables, where the folder has none.
    """
    from jukebox_studio.reference.run import run_reference

    if not run_reference(folder, ids, print):
        sys.exit(1)
