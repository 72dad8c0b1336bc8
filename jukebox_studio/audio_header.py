"""Whether a file says quickly what it is.

libsndfile looks for the end of an Ogg file page by page and for a lost FLAC frame byte by byte,
through the whole file: one of 4 KiB on the disk that claims 16 GiB (a sparse file) held it up for
minutes. So a first look is given a budget of bytes; who passes it is cheap to open.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import soundfile

from jukebox_studio.errors import JukeboxError

MOST_HEADER_BYTES = 2 * 2**20
"""What may be read to open a file: pictures of covers lie there, too."""

_UNREADABLE = (soundfile.SoundFileError, RuntimeError, TypeError, ValueError)


class _Budget:
    """A file that ends where the budget is spent, as libsndfile sees it."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._left = MOST_HEADER_BYTES
        self.is_spent = False
        self._is_lost = False

    def readinto(self, buffer: bytearray) -> int:
        self.is_spent = self.is_spent or len(buffer) > self._left
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> None:
        try:
            self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):  # damaged headers point anywhere
            self._is_lost = True

    def tell(self) -> int:
        # A place before the start is an error to libsndfile; else it would go on looking backward.
        return -1 if self.is_spent or self._is_lost else self._file.tell()


def refuse_slow_file(path: Path) -> None:
    """Raises JukeboxError where opening the file would take more than MOST_HEADER_BYTES.

    What else may be wrong with it is left to `jukebox_studio.audio.inspect`.
    """
    try:
        with path.open("rb") as file:
            budget = _Budget(file)
            with contextlib.suppress(*_UNREADABLE):
                soundfile.SoundFile(budget).close()
    except OSError as error:
        raise JukeboxError(f"{path} cannot be opened: {error.strerror or error}.") from error
    if budget.is_spent:
        raise JukeboxError(
            f"{path} does not say within {MOST_HEADER_BYTES // 2**20} MiB what it is, so it is "
            "damaged or has a huge picture in it; export it again."
        )
