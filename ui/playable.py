"""Makes files playable: decoded, at the device's rate, stereo, ready to be mapped into memory.

A process of its own at low priority (`python -m ui.playable`), so that decoding ten minutes takes
nothing from the process that plays or from the window. It answers each line of JSON with one:

    {"prepare": number, "path": ..., "file_start_samples": 0, "length_samples": null,
     "rate_hz": 48000, "folder": ...}
    {"prepared": number, "file": ...}
    {"failed": number, "sentence": ...}

and ends with its input.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jukebox_studio import audio
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from ui.playback_link import remove_leftovers

PLAYABLE_SUFFIX = ".f32"


def stereo(samples: audio.Samples) -> audio.Samples:
    """[T, C] as [T, 2]: one channel on both sides; of many the first two, left and right."""
    if samples.shape[1] == 1:
        return np.repeat(samples, 2, axis=1)
    return samples[:, :2]


def prepare(
    path: Path, file_start_samples: int, length_samples: int | None, rate_hz: int, folder: Path
) -> Path:
    """A file in `folder` with the stretch as raw float32 [T, 2] at `rate_hz`.

    The stretch counts in the file's own samples; it ends where the file does, since a preview may
    hold less than what will be. One that was prepared before and has not changed since is found
    again. Raises JukeboxError for what cannot be read, and where the disk is full.
    """
    info = audio.inspect(path)
    try:
        stat = path.stat()
    except OSError as error:
        raise JukeboxError(f"{path} cannot be opened: {error.strerror or error}.") from error
    left_samples = info.length_samples - file_start_samples
    length_samples = left_samples if length_samples is None else min(length_samples, left_samples)
    known_by = (str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino)
    key = repr((*known_by, file_start_samples, length_samples, rate_hz))
    playable = folder / (hashlib.sha256(key.encode()).hexdigest()[:32] + PLAYABLE_SUFFIX)
    if not playable.exists():
        sound = audio.read(path, start_samples=file_start_samples, length_samples=length_samples)
        resampled = audio.resample(stereo(sound.samples), sound.rate_hz, rate_hz)
        write_atomically(playable, np.ascontiguousarray(resampled, "<f4").tobytes())
    return playable


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    number = order["prepare"]
    try:
        file = prepare(
            Path(order["path"]),
            order["file_start_samples"],
            order["length_samples"],
            order["rate_hz"],
            Path(order["folder"]),
        )
    except JukeboxError as error:
        return {"failed": number, "sentence": str(error)}
    except MemoryError:
        sentence = f"{order['path']} does not fit into memory to be played; select a part of it."
        return {"failed": number, "sentence": sentence}
    return {"prepared": number, "file": str(file)}


def main() -> None:
    be_nice: Callable[[int], int] | None = getattr(os, "nice", None)
    if be_nice is not None:
        with contextlib.suppress(OSError):
            be_nice(5)
    remove_leftovers()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
