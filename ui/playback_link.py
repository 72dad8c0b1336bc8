"""What the window and the processes that play share. Imported by both, so it imports little."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jukebox_studio.errors import JukeboxError
from ui.words import translate

USUAL_LATENCY_SECONDS = 0.05
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 384_000
_FOLDER_PREFIX = "jukebox-studio-playing-"


@dataclass(frozen=True)
class Output:
    """A device that can be played through."""

    name: str
    rate_hz: int
    is_default: bool


@dataclass(frozen=True)
class PlaybackSettings:
    """What the musician chooses of a device; None leaves it to the system."""

    output: str | None = None
    """The name of an `Output`."""
    rate_hz: int | None = None
    latency_seconds: float = USUAL_LATENCY_SECONDS
    block_samples: int | None = None
    """How many samples the device asks for at a time."""

    def __post_init__(self) -> None:
        if self.rate_hz is not None and not LOWEST_RATE_HZ <= self.rate_hz <= HIGHEST_RATE_HZ:
            raise JukeboxError(
                translate(
                    "Playback", "A device cannot play {0} samples per second; choose {1} to {2}."
                ).format(f"{self.rate_hz:,}", f"{LOWEST_RATE_HZ:,}", f"{HIGHEST_RATE_HZ:,}")
            )
        if not 0.001 <= self.latency_seconds <= 2:
            raise JukeboxError(
                translate(
                    "Playback", "A latency of {0} ms cannot be had; choose 1 to 2,000 ms."
                ).format(f"{1000 * self.latency_seconds:g}")
            )
        if self.block_samples is not None and not 16 <= self.block_samples <= 65_536:
            raise JukeboxError(
                translate(
                    "Playback", "A buffer of {0} samples cannot be had; choose 16 to 65,536."
                ).format(f"{self.block_samples:,}")
            )


def working_folder() -> Path:
    """A new folder for the playable files of this process; remove it with the last of them."""
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))


def remove_leftovers() -> None:
    """The folders of processes that are gone without having removed them."""
    import psutil

    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*-*"):
        owner = folder.name.removeprefix(_FOLDER_PREFIX).split("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
