"""Where the files that ship with the program lie: the starter bundle, presets and the demo clip."""

from __future__ import annotations

from pathlib import Path

from jukebox_studio.errors import JukeboxError


def presets_folder() -> Path:
    """The folder of shipped presets, in an installed package or in a checkout.

    Raises JukeboxError when neither has one.
    """
    package = Path(__file__).resolve().parent
    # The wheel's own copy first: beside an installed package, a folder named "presets" is a
    # stranger's.
    for folder in (package / "_presets", package.parent / "presets"):
        if folder.is_dir():
            return folder
    raise JukeboxError(
        f"The presets that ship with Jukebox Studio are missing from {package}; "
        "install the program again."
    )
