"""What a spectrogram is drawn from: how strong each band of a file's sound is, over time.

Short-time spectra (Hann windows of about 46 ms, a quarter of that apart) are gathered in bands that
are as many to each octave, and kept in decibels as bytes: ten minutes take 8 MB. Over ever longer
columns there is a coarser picture of each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject

from ui.file_store import FileStore, decoding

BANDS: Final = 128
LOWEST_HZ, HIGHEST_HZ = 50.0, 16_000.0
QUIETEST_DB, LOUDEST_DB = -72.0, -6.0
"""What a byte of 0 and of 255 stand for; a sine at full scale has 0 dB."""
WINDOW_SECONDS: Final = 0.046
_FACTOR: Final = 4
_FRAMES_AT_ONCE: Final = 512
_FIRST_SHOWN_SECONDS: Final = 15.0
_MOST_BYTES: Final = 128 * 2**20

Levels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Spectra:
    """The spectra of a file, or of its first part while the rest is read.

    Each is equal to itself only, so that what is drawn from it can be kept under it.
    """

    rate_hz: int
    length_samples: int
    """How much has been read."""
    hop_samples: int
    """Of a column of the finest level."""
    levels: tuple[Levels, ...]
    """Each [columns, BANDS], the finest first, the lowest band first."""

    @property
    def length_seconds(self) -> float:
        return self.length_samples / self.rate_hz

    @property
    def size_bytes(self) -> int:
        return sum(level.nbytes for level in self.levels)

    @property
    def highest_hz(self) -> float:
        return min(HIGHEST_HZ, self.rate_hz / 2)

    def height_of(self, hz: float) -> float:
        """Where in the picture a frequency lies: 0 the bottom, 1 the top."""
        return math.log(hz / LOWEST_HZ) / math.log(self.highest_hz / LOWEST_HZ)

    def columns(
        self, start_seconds: float, seconds_per_column: float, count: int
    ) -> npt.NDArray[np.uint8]:
        """[count, BANDS] for columns side by side; beyond the file it goes on as at its end."""
        index, hop = 0, self.hop_samples
        while index + 1 < len(self.levels) and (seconds_per_column * self.rate_hz >= hop * _FACTOR):
            index, hop = index + 1, hop * _FACTOR
        level = self.levels[index]
        if not len(level):
            return np.zeros((count, BANDS), np.uint8)
        middles = (np.arange(count) + 0.5) * seconds_per_column + start_seconds
        place = np.clip(middles * self.rate_hz / hop - 0.5, 0, len(level) - 1)
        before = place.astype(np.intp)
        after = np.minimum(before + 1, len(level) - 1)
        share = np.round((place - before) * 256).astype(np.uint16)[:, None]
        mixed = level[before] * (256 - share) + level[after] * share
        return (mixed >> 8).astype(np.uint8)


def read_spectra(path: Path) -> Iterator[Spectra]:
    """The spectra of a file, channels mixed; of a long one, first of its first parts.

    Raises JukeboxError where it is no audio file, is damaged, or lies beyond `audio`'s limits.
    """
    # Here, in a thread: a window that opens does not wait for what reads files.

    from jukebox_studio import audio

    info = audio.inspect(path)
    size = 2 ** max(5, round(np.log2(WINDOW_SECONDS * info.rate_hz)))
    hop = size // 4
    total = -(-info.length_samples // hop)
    levels = np.zeros((total, BANDS), np.uint8)
    next_shown = round(_FIRST_SHOWN_SECONDS * info.rate_hz / hop)
    done = 0
    # Windows are centred: the first reaches half its size before the file.
    rest = np.zeros(size // 2, np.float32)
    with decoding(path), audio.opened(path) as file:
        while done < total:
            part = file.read(_FRAMES_AT_ONCE * hop, dtype="float32", always_2d=True)
            if not len(part):
                part = np.zeros((size, 1), np.float32)  # the last windows reach beyond the end
            mixed = np.nan_to_num(part.mean(axis=1, dtype=np.float32))
            rest = np.concatenate([rest, mixed])
            if len(rest) < size:
                continue
            count = min((len(rest) - size) // hop + 1, total - done)
            levels[done : done + count] = _bands(rest, count, size, hop, info.rate_hz)
            rest = rest[count * hop :]
            done += count
            if next_shown <= done < total:
                next_shown = 2 * done
                yield _pyramid(info.rate_hz, done * hop, hop, levels[:done])
    yield _pyramid(info.rate_hz, info.length_samples, hop, levels)


def _bands(samples: Floats, count: int, size: int, hop: int, rate_hz: int) -> Levels:
    """[count, BANDS] of windows that begin `hop` samples apart."""
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[: count * hop : hop]
    spectra = np.fft.rfft(frames * window, axis=1)
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    power *= np.float32((2 / window.sum()) ** 2)
    bands = power @ _filters(size, rate_hz)
    db = 10 * np.log10(np.maximum(bands, 1e-12))
    scaled = (db - QUIETEST_DB) * (255 / (LOUDEST_DB - QUIETEST_DB))
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


@lru_cache(maxsize=8)
def _filters(size: int, rate_hz: int) -> Floats:
    """[size / 2 + 1, BANDS]: triangles even in octaves, none narrower than two bins."""
    middles = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, rate_hz / 2), BANDS + 2) * size / rate_hz
    bins = np.arange(size // 2 + 1)[:, None]
    centre = middles[1:-1]
    rise = np.maximum(centre - middles[:-2], 1.0)
    fall = np.maximum(middles[2:] - centre, 1.0)
    triangles = np.minimum(1 + (bins - centre) / rise, 1 - (bins - centre) / fall)
    return np.asarray(np.maximum(triangles, 0), np.float32)


def _pyramid(rate_hz: int, length_samples: int, hop: int, finest: Levels) -> Spectra:
    levels = [finest.copy()]
    while len(levels[-1]) > _FACTOR:
        finer = levels[-1]
        starts = np.arange(0, len(finer), _FACTOR)
        counts = np.diff(np.append(starts, len(finer)))[:, None]
        sums = np.add.reduceat(finer.astype(np.uint16), starts, axis=0)
        levels.append((sums // counts).astype(np.uint8))
    return Spectra(rate_hz, length_samples, hop, tuple(levels))


class SpectrumStore(FileStore[Spectra]):
    """Spectra of files."""

    def __init__(self, parent: QObject | None = None, *, most_bytes: int = _MOST_BYTES) -> None:
        super().__init__(read_spectra, most_bytes, parent)
