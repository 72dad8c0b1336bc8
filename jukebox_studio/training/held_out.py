"""The music that a bundle is measured on: a folder that is there, or one built by its recipe."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path

from jukebox_studio.bundle import Bundle
from jukebox_studio.errors import JukeboxError
from jukebox_studio.training.data import TABLE

Told = Callable[[str], None]


def evaluation_cache() -> Path:
    """Where everything lies that evaluations build or fetch, and could build again."""
    return user_cache_path("jukebox-studio") / "evaluation"


def data_folder(bundle: Bundle, given: Path | None, told: Told, split: str | None = None) -> Path:
    """`given`, or the folder that the recipe beside the bundle builds once in the user's cache.

    split: the only one that is needed, so that no more is made; None needs all. A bundle without
    words needs the recipe's music alone. Raises JukeboxError where there is no
    recipe, or it stops: its own words say why.
    """
    if given is not None:
        return given
    recipe = bundle.folder / "recipe" / "build.py"
    if not recipe.is_file():
        raise JukeboxError(
            f"{bundle.folder} has no recipe for the music to measure it on; name a folder of "
            "tracks with --data (docs/training.md)."
        )
    sings = any(config.lyrics for config in bundle.manifest.priors.values())
    kind = "all" if sings else "music"
    whole = folder = evaluation_cache() / "data" / kind
    if split and not (whole / TABLE).is_file():
        folder = whole.with_name(f"{kind}-{split}")
    if (folder / TABLE).is_file():
        told(f"measuring on {folder}, built before by {recipe}")
        return folder
    told(f"building the music to measure on in {folder}, by {recipe}: minutes to half an hour")
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(recipe), "--out", str(folder)]
    if not sings:
        command += ["--only", "music"]
    if split:
        command += ["--split", split]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as trouble,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=trouble, text=True) as building,
    ):
        assert building.stdout
        for line in building.stdout:
            told(line.strip())
        if code := building.wait():
            trouble.seek(0)
            why = trouble.read().strip() or f"exit code {code}"
            raise JukeboxError(f"The recipe {recipe} stopped: {why}")
    return folder
