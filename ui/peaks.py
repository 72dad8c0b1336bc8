"""What a waveform is drawn from: a file's lowest and highest samples, over ever longer blocks.

`PeakStore.get` answers at once with what is there; see ui/file_store.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject

from ui.file_store import FileStore, decoding

BLOCK_SAMPLES: Final = 64
"""Of the finest level: about one at the highest zoom, a millisecond and a half at 44.1 kHz."""
_FACTOR: Final = 4
_READ_BLOCKS: Final = 4096
_FULL_SCALE: Final = 32767
# A long file is shown while it is read: after this much, and whenever that has doubled.
_FIRST_SHOWN_SECONDS: Final = 60.0
# Ten minutes at 48 kHz are 4 MB.
_MOST_BYTES: Final = 256 * 2**20

Heights = npt.NDArray[np.int16]
Columns = npt.NDArray[np.float32]


class Level(NamedTuple):
    """Blocks of one length. Each array is [blocks], in 16-bit samples."""

    lowest: Heights
    highest: Heights
    body: Heights
    """Half of how far the finest blocks reach, on average: how full the sound is."""


@dataclass(frozen=True, eq=False)
class Peaks:
    """The blocks of a file, or of its first part while the rest is read; the finest level first.

    Each is equal to itself only, so that what is drawn from it can be kept under it.
    """

    rate_hz: int
    length_samples: int
    """How much has been read."""
    levels: tuple[Level, ...]

    @property
    def length_seconds(self) -> float:
        return self.length_samples / self.rate_hz

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for level in self.levels for array in level)

    def columns(
        self, start_seconds: float, seconds_per_column: float, count: int
    ) -> tuple[Columns, Columns, Columns]:
        """Lowest, highest and body, each [count] with full scale at 1, of columns side by side.

        Columns beyond the file, before or after it, are 0. No peak is lost: a column covers every
        block that it touches.
        """
        lowest, highest, body = (np.zeros(count, np.float32) for _ in range(3))
        per_column = seconds_per_column * self.rate_hz
        index, block = 0, BLOCK_SAMPLES
        # Four blocks a column or more, since a column shares the ones at its edges with others.
        while index + 1 < len(self.levels) and 4 * block * _FACTOR <= per_column:
            index, block = index + 1, block * _FACTOR
        level = self.levels[index]
        edges = (start_seconds * self.rate_hz + np.arange(count + 1) * per_column) / block
        first = int(np.searchsorted(edges, 0.0))
        last = int(np.searchsorted(edges, self.length_samples / block))
        # A column that the file begins in the middle of counts too.
        first = max(0, first - 1) if first else 0
        last = min(last, count)
        if first >= last or not len(level.lowest):
            return lowest, highest, body
        begins = np.clip(np.floor(edges[first:last]), 0, len(level.lowest) - 1).astype(np.intp)
        end = min(max(int(np.ceil(edges[last])), int(begins[-1]) + 1), len(level.lowest))
        lowest[first:last] = np.minimum.reduceat(level.lowest[:end], begins) / _FULL_SCALE
        highest[first:last] = np.maximum.reduceat(level.highest[:end], begins) / _FULL_SCALE
        body[first:last] = np.maximum.reduceat(level.body[:end], begins) / _FULL_SCALE
        return lowest, highest, body


def read_peaks(path: Path) -> Iterator[Peaks]:
    """The peaks of a file, channels taken together; of a long one, first of its first parts.

    Raises JukeboxError where it is no audio file, is damaged, or lies beyond `audio`'s limits.
    """
    # Here, in a thread: a window that opens does not wait for what reads files.

    from jukebox_studio import audio

    info = audio.inspect(path)
    # Whole numbers are read as such, which is faster; libsndfile does not scale floats to them.
    whole = info.subtype.startswith("PCM_") and info.container != "MPEG"
    block = np.empty(
        (_READ_BLOCKS * BLOCK_SAMPLES, info.channels), np.int16 if whole else np.float32
    )
    blocks_in_all = -(-info.length_samples // BLOCK_SAMPLES)
    lowest, highest = np.zeros(blocks_in_all, np.int16), np.zeros(blocks_in_all, np.int16)
    next_shown = round(_FIRST_SHOWN_SECONDS * info.rate_hz)
    read_samples = 0
    with decoding(path), audio.opened(path) as file:
        while read_samples < info.length_samples:
            wanted = block[: info.length_samples - read_samples]
            part = file.read(out=wanted, dtype=block.dtype.name)
            if not len(part):
                break  # it holds less than it says; what there is is shown
            at = read_samples // BLOCK_SAMPLES
            low, high = _blocks_of(part)
            lowest[at : at + len(low)], highest[at : at + len(high)] = low, high
            read_samples += len(part)
            if read_samples >= next_shown and read_samples < info.length_samples:
                next_shown = 2 * read_samples
                yield _pyramid(info.rate_hz, read_samples, lowest, highest)
    yield _pyramid(info.rate_hz, read_samples, lowest, highest)


def _blocks_of(samples: npt.NDArray[np.generic]) -> tuple[Heights, Heights]:
    """Lowest and highest of each block of samples [T, C]; the last block may be short."""
    channels = samples.shape[1]
    whole = len(samples) // BLOCK_SAMPLES * BLOCK_SAMPLES
    rows = samples[:whole].reshape(-1, BLOCK_SAMPLES * channels)
    low, high = rows.min(axis=1), rows.max(axis=1)
    if whole < len(samples):
        rest = samples[whole:]
        low, high = np.append(low, rest.min()), np.append(high, rest.max())
    if low.dtype != np.int16:
        # NaN, which no sound has, is drawn as silence; whoever plays the file is told of it.
        low, high = (
            (np.clip(np.nan_to_num(values), -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
            for values in (low, high)
        )
    return low, high


def _pyramid(rate_hz: int, length_samples: int, lowest: Heights, highest: Heights) -> Peaks:
    """Peaks of the first `length_samples`, from the lowest and highest of their finest blocks."""
    blocks = -(-length_samples // BLOCK_SAMPLES)
    low, high = lowest[:blocks].copy(), highest[:blocks].copy()
    body = ((high.astype(np.int32) - low) // 2).astype(np.int16)
    levels = [Level(low, high, body)]
    while len(low) > _FACTOR:
        starts = np.arange(0, len(low), _FACTOR)
        counts = np.diff(np.append(starts, len(low)))
        sums = np.add.reduceat(body, starts, dtype=np.int64)
        low, high = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
        body = (sums // counts).astype(np.int16)
        levels.append(Level(low, high, body))
    return Peaks(rate_hz, length_samples, tuple(levels))


class PeakStore(FileStore[Peaks]):
    """Peaks of files."""

    def __init__(self, parent: QObject | None = None, *, most_bytes: int = _MOST_BYTES) -> None:
        super().__init__(read_peaks, most_bytes, parent)
