"""Songs that the original saved: `data.pth.tar`, written after each level."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.labels import LabelBatch


@dataclass(frozen=True)
class SavedSong:
    """Codes and labels by level, from which a song is continued or upsampled."""

    codes: list[Tensor]
    """Tensor[B, T] of each level; T = 0 where not sampled yet"""
    labels: dict[int, LabelBatch]
    audio: Tensor | None
    """Tensor[B, samples, 1], decoded from the finest level there is"""


def read_saved_song(path: Path) -> SavedSong:
    """Read a `data.pth.tar`. Only tensors and plain values are loaded, never code.

    Raises JukeboxError for a file that is not one.
    """
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise JukeboxError(f"{path} cannot be read as a saved song: {error}") from error
    return saved_song(data, str(path))


def saved_song(data: Any, source: str) -> SavedSong:
    """The contents of a `data.pth.tar`. `source` is named in errors."""
    try:
        codes = [z.to(torch.int64) for z in data["zs"]]
        labels = {level: _batch(entry) for level, entry in enumerate(data["labels"]) if entry}
        audio = data.get("x")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise JukeboxError(f"{source} is not a saved song: no codes and labels in it.") from error
    rows = {len(z) for z in codes} | {len(batch.y) for batch in labels.values()}
    if len(rows) != 1 or any(z.dim() != 2 for z in codes):
        raise JukeboxError(f"{source} is not a saved song: its codes and labels do not match.")
    return SavedSong(codes, labels, audio)


def _batch(entry: Mapping[str, Any]) -> LabelBatch:
    full = tuple(tuple(int(t) for t in info["full_tokens"]) for info in entry["info"])
    y = np.asarray(entry["y"].cpu(), dtype=np.int64)
    if y.ndim != 2 or len(full) != len(y):
        raise ValueError("A label for each row was expected.")
    return LabelBatch(y, full)
