"""Slow work in threads, its end told on the thread that asked for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from PyQt6.QtCore import QObject, QRunnable, QThreadPool, pyqtSignal

from jukebox_studio.errors import JukeboxError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Background(QObject):
    """A few threads. What goes wrong is a sentence, through `failed` or the caller's own way."""

    failed = pyqtSignal(str)
    _ended = pyqtSignal(object, object, object, object)

    def __init__(self, parent: QObject | None = None, *, threads: int = 2) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)
        self._ended.connect(self._on_ended)

    def start(
        self,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Do `work` in a thread, then `then` with its result here."""
        self._pool.start(_Task(work, then, failed or self.failed.emit, self._ended.emit))

    def close(self, wait_milliseconds: int = 5_000) -> None:
        """Begin nothing more, and wait for what runs."""
        self._pool.clear()
        self._pool.waitForDone(wait_milliseconds)

    def _on_ended(
        self,
        then: Callable[[object], None],
        failed: Callable[[str], None],
        result: object,
        error: Exception | None,
    ) -> None:
        try:
            if error is not None:
                raise error
            then(result)
        except JukeboxError as told:
            failed(str(told))
        except Exception as fault:
            _log.exception("in the background")
            failed(self.tr("Something went wrong that should not: {fault}.").format(fault=fault))


class _Task(QRunnable):
    def __init__(
        self,
        work: Callable[[], object],
        then: object,
        failed: Callable[[str], None],
        ended: Callable[[object, object, object, object], None],
    ) -> None:
        super().__init__()
        self._work, self._then, self._failed, self._tell = work, then, failed, ended

    def run(self) -> None:
        try:
            result, error = self._work(), None
        except Exception as raised:  # told by the receiver
            result, error = None, raised
        try:
            self._tell(self._then, self._failed, result, error)
        except RuntimeError:  # its owner was closed meanwhile
            _log.info("nobody waits for %r any more", self._work)
