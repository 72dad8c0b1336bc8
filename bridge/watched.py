"""Watched folders: each audio file that appears there and is whole becomes a clip.

For DAWs without a way out for clips: bounce in place, or export, into such a folder.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import watchfiles

from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import SongTime

SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".w64", ".caf", ".ogg", ".mp3")
SETTLED_SECONDS = 1.0
"""How long a file must stay as it is before it is taken to be whole."""
LOOK_SECONDS = 0.25

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seen:
    size_bytes: int
    mtime_ns: int
    since: float


class Settling:
    """Tells files that are whole from those still being written. Pure but for looking at them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._growing: dict[Path, _Seen] = {}
        self._done: dict[Path, tuple[int, int]] = {}
        """Size and time of the files that were passed on."""

    def ignore(self, path: Path) -> None:
        """A file that was there before."""
        found = _look(path)
        if found is not None:
            self._done[path] = found

    def touched(self, path: Path) -> None:
        """Something happened to a file."""
        found = _look(path)
        if found is None:
            self._growing.pop(path, None)
            self._done.pop(path, None)
        elif self._done.get(path) != found:
            self._growing[path] = _Seen(*found, self._clock())

    def settled(self) -> list[Path]:
        """Files that have stayed as they are, each once."""
        now, whole = self._clock(), []
        for path, seen in list(self._growing.items()):
            found = _look(path)
            if found is None:
                del self._growing[path]
            elif found != (seen.size_bytes, seen.mtime_ns):
                self._growing[path] = _Seen(*found, now)
            elif now - seen.since >= SETTLED_SECONDS and seen.size_bytes:
                del self._growing[path]
                self._done[path] = found
                whole.append(path)
        return sorted(whole)


def _look(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


class Watched:
    """Watches folders from a thread of its own, and says what came."""

    def __init__(
        self,
        folders: Sequence[Path],
        tempo_bpm: Fraction,
        came: Callable[[Clip], None],
    ) -> None:
        """Raises JukeboxError for a folder that is not there. What lies there now is left alone."""
        for folder in folders:
            if not folder.is_dir():
                raise JukeboxError(f"There is no folder {folder} to watch; make it first.")
        self._folders = [folder.resolve() for folder in folders]
        self._song = SongTime.steady(tempo_bpm)
        self._came = came
        self._stop = threading.Event()
        self._settling = Settling()
        for folder in self._folders:
            for path in folder.iterdir():
                self._settling.ignore(path)
        self._thread = threading.Thread(target=self._run, name="watched folders", daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        changes = watchfiles.watch(
            *self._folders,
            watch_filter=lambda _, path: Path(path).suffix.lower() in SUFFIXES,
            stop_event=self._stop,
            rust_timeout=int(1_000 * LOOK_SECONDS),
            yield_on_timeout=True,
            recursive=False,
            raise_interrupt=False,
        )
        for found in changes:
            for _, path in found:
                if not Path(path).name.startswith("."):
                    self._settling.touched(Path(path))
            for whole in self._settling.settled():
                self._take(whole)

    def _take(self, path: Path) -> None:
        try:
            if path.is_symlink() or not path.is_file():
                return
            self._came(Clip.from_file(path, self._song))
        except JukeboxError as error:
            log.warning("%s", error)
