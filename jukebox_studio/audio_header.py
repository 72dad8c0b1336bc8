"""Audio files that cost no more to read than what is asked of them.

libsndfile looks for the end of an Ogg file page by page and for a lost FLAC frame byte by byte,
through the whole file: one of 4 KiB on the disk that claims 16 GiB (a sparse file) held it up for
minutes, some while they were opened and some at their first damaged frame. So every call has a
budget of bytes.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import soundfile

from jukebox_studio.errors import JukeboxError

MOST_HEADER_BYTES = 2 * 2**20
"""What may be read to open a file, or to find a place in it: pictures of covers lie there, too."""
_MOST_VALUE_BYTES = 8
"""Of a sample of one channel, in any coding."""
_LEAST_COST_BYTES = 64
"""Of a single look: MP3 frames are searched byte by byte, each asked for by itself."""


class _Budget:
    """A file that ends where the budget is spent, as libsndfile sees it."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._left = MOST_HEADER_BYTES
        self.is_spent = False
        self._is_lost = False

    def allow(self, values: int) -> None:
        self._left = MOST_HEADER_BYTES + _MOST_VALUE_BYTES * values

    def readinto(self, buffer: bytearray) -> int:
        self.is_spent = self.is_spent or len(buffer) > self._left
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left = max(0, self._left - max(count, _LEAST_COST_BYTES))
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> None:
        try:
            self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):  # damaged headers point anywhere
            self._is_lost = True

    def tell(self) -> int:
        # A place before the start is an error to libsndfile; else it would go on looking backward.
        return -1 if self.is_spent or self._is_lost else self._file.tell()


class BoundedSoundFile(soundfile.SoundFile):
    """A file to read, which seems to end where a call has spent its budget."""

    def __init__(self, path: Path) -> None:
        """Raises what soundfile raises, and JukeboxError where MOST_HEADER_BYTES do not suffice."""
        self._under = path.open("rb")
        self._budget = _Budget(self._under)
        try:
            super().__init__(self._budget)
        except BaseException:
            self._under.close()
            raise
        finally:
            if self._budget.is_spent:
                raise JukeboxError(
                    f"{path} does not say within {MOST_HEADER_BYTES // 2**20} MiB what it is, so "
                    "it is damaged or has a huge picture in it; export it again."
                )

    def read(self, frames: int = -1, *arguments: Any, **named: Any) -> Any:
        out = named.get("out")
        asked = len(out) if out is not None else self.frames if frames < 0 else frames
        self._budget.allow(asked * self.channels)
        return super().read(frames, *arguments, **named)

    def seek(self, frames: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            # Some codings find a place only by reading what lies before it.
            self._budget.allow(frames * self.channels)
        place: int = super().seek(frames, whence)
        return place

    def close(self) -> None:
        super().close()
        self._under.close()
