"""What a waveform is drawn from: a file's lowest and highest samples, over ever longer blocks.

Reading happens in threads of the store's own; `PeakStore.get` answers at once with what is there.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QCoreApplication, QObject, pyqtSignal

from jukebox_studio.errors import JukeboxError
from ui.words import translate

BLOCK_SAMPLES: Final = 64
"""Of the finest level: about one at the highest zoom, a millisecond and a half at 44.1 kHz."""
_FACTOR: Final = 4
_READ_BLOCKS: Final = 4096
_FULL_SCALE: Final = 32767
# A long file is shown while it is read: after this much, and whenever that has doubled.
_FIRST_SHOWN_SECONDS: Final = 60.0
# Two: a file on a drive that answers no more must not hold up the others.
_THREADS: Final = 2
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
    import soundfile

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
    try:
        with soundfile.SoundFile(path) as file:
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
    except (soundfile.SoundFileError, RuntimeError, ValueError, OSError) as error:
        raise JukeboxError(
            translate(
                "Timeline",
                "{0} is damaged: it cannot be decoded to its end ({1}). Export it again from where"
                " it came.",
            ).format(path, error)
        ) from error
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


class PeakStore(QObject):
    """Peaks of files, read when asked for and kept while there is room.

    What was asked for last is read first: it is what the user looks at now.
    """

    changed = pyqtSignal(object)
    """The path of a file of which there is more to show, or that cannot be shown."""

    _arrived = pyqtSignal(object, object)

    def __init__(self, parent: QObject | None = None, *, most_bytes: int = _MOST_BYTES) -> None:
        super().__init__(parent)
        self._most_bytes = most_bytes
        self._known: OrderedDict[Path, Peaks | JukeboxError] = OrderedDict()
        self._running: set[Path] = set()
        self._again: set[Path] = set()
        self._closed = threading.Event()
        self._wanted: _Wanted = queue.LifoQueue()
        self._threads = 0
        # No pool of Qt's: it waits for its threads when it is deleted, and holds what they need.
        weakref.finalize(self, _stop, self._closed, self._wanted)
        self._arrived.connect(self._take)
        app = QCoreApplication.instance()
        if app is not None:  # a long file must not keep a program that is closed waiting
            app.aboutToQuit.connect(self.close)

    def get(self, path: Path) -> Peaks | None:
        """What is known of a file; where nothing is, it is read and `changed` tells."""
        known = self._known.get(path)
        if known is None:
            self._start(path)
            return None
        self._known.move_to_end(path)
        return known if isinstance(known, Peaks) else None

    def error(self, path: Path) -> str | None:
        """Why a file cannot be shown."""
        known = self._known.get(path)
        return str(known) if isinstance(known, JukeboxError) else None

    def reload(self, path: Path) -> None:
        """Read a file again, since it has grown; until then `get` gives what was there."""
        if path in self._running:
            self._again.add(path)
        else:
            self._start(path)

    def is_reading(self) -> bool:
        """Whether more is to come of what was asked for."""
        return bool(self._running)

    def close(self) -> None:
        """Stop reading; nothing arrives afterwards."""
        _stop(self._closed, self._wanted)

    def _start(self, path: Path) -> None:
        if path in self._running or self._closed.is_set():
            return
        self._running.add(path)
        self._wanted.put(path)
        if self._threads < _THREADS:
            self._threads += 1
            arguments = (weakref.ref(self), self._closed, self._wanted)
            threading.Thread(target=_read_wanted, args=arguments, daemon=True).start()

    def _take(self, path: Path, found: Peaks | JukeboxError | None) -> None:
        if self._closed.is_set():
            return
        if found is None:
            self._running.discard(path)
            if path in self._again:
                self._again.discard(path)
                self._start(path)
            return
        self._known[path] = found
        self._known.move_to_end(path)
        sizes = {p: k.size_bytes for p, k in self._known.items() if isinstance(k, Peaks)}
        size_bytes = sum(sizes.values())
        for old in list(sizes)[:-1]:
            if size_bytes <= self._most_bytes:
                break
            size_bytes -= sizes[old]
            del self._known[old]
        self.changed.emit(path)


_Wanted = queue.LifoQueue[Path | None]


def _stop(closed: threading.Event, wanted: _Wanted) -> None:
    closed.set()
    for _ in range(_THREADS):
        wanted.put(None)


def _read_wanted(store: weakref.ref[PeakStore], closed: threading.Event, wanted: _Wanted) -> None:
    """What a thread of a store does until the store is closed, or gone."""

    def tell(path: Path, found: Peaks | JukeboxError | None) -> None:
        there = store()
        if there is not None and not closed.is_set():
            with contextlib.suppress(RuntimeError):  # Qt has deleted it already
                there._arrived.emit(path, found)

    while (path := wanted.get()) is not None and not closed.is_set():
        try:
            for peaks in read_peaks(path):
                tell(path, peaks)
                if closed.is_set():
                    return
        except JukeboxError as error:
            tell(path, error)
        tell(path, None)
