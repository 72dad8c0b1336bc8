"""What is worked out from files to draw them, kept while there is room.

Reading happens in threads of the store's own; `FileStore.get` answers at once with what is there.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from PyQt6.QtCore import QCoreApplication, QObject, pyqtSignal

from jukebox_studio.errors import JukeboxError
from ui.background import begin_thread
from ui.words import translate

# Two: a file on a drive that answers no more must not hold up the others.
_THREADS: Final = 2


class Sized(Protocol):
    """What a store keeps."""

    @property
    def size_bytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


@contextlib.contextmanager
def decoding(path: Path) -> Iterator[None]:
    """What goes wrong in there while a file is decoded is a sentence."""
    import soundfile  # heavy, and needed in the store's threads only

    try:
        yield
    except (soundfile.SoundFileError, RuntimeError, ValueError, OSError) as error:
        raise JukeboxError(
            translate(
                "Timeline",
                "{0} is damaged: it cannot be decoded to its end ({1}). Export it again from where"
                " it came.",
            ).format(path, error)
        ) from error


class FileStore(QObject, Generic[T]):
    """Something of each file, read when asked for.

    What was asked for last is read first: it is what the user looks at now.
    """

    changed = pyqtSignal(object)
    """The path of a file of which there is more to show, or that cannot be shown."""

    _arrived = pyqtSignal(object, object)

    def __init__(
        self,
        read: Callable[[Path], Iterator[T]],
        most_bytes: int,
        parent: QObject | None = None,
    ) -> None:
        """read: a file, first its first parts where it is long; JukeboxError says why it cannot."""
        super().__init__(parent)
        self._read = read
        self._most_bytes = most_bytes
        self._known: OrderedDict[Path, T | JukeboxError] = OrderedDict()
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

    def get(self, path: Path) -> T | None:
        """What is known of a file; where nothing is, it is read and `changed` tells."""
        known = self._known.get(path)
        if known is None:
            self._start(path)
            return None
        self._known.move_to_end(path)
        return None if isinstance(known, JukeboxError) else known

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
            begin_thread(_read_wanted, weakref.ref(self), self._read, self._closed, self._wanted)

    def _take(self, path: Path, found: T | JukeboxError | None) -> None:
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
        sizes = {p: k.size_bytes for p, k in self._known.items() if not isinstance(k, JukeboxError)}
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


def _read_wanted(
    store: weakref.ref[FileStore[Any]],
    read: Callable[[Path], Iterator[Any]],
    closed: threading.Event,
    wanted: _Wanted,
) -> None:
    """What a thread of a store does until the store is closed, or gone."""

    def tell(path: Path, found: Sized | JukeboxError | None) -> None:
        there = store()
        if there is not None and not closed.is_set():
            with contextlib.suppress(RuntimeError):  # Qt has deleted it already
                there._arrived.emit(path, found)

    while (path := wanted.get()) is not None and not closed.is_set():
        try:
            for found in read(path):
                tell(path, found)
                if closed.is_set():
                    return
        except JukeboxError as error:
            tell(path, error)
        tell(path, None)
