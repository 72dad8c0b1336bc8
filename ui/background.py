"""Slow work in threads, its end told on the thread that asked for it."""

from __future__ import annotations

import _thread
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar, cast

from PyQt6.QtCore import QEventLoop, QObject, pyqtSignal

from jukebox_studio.errors import JukeboxError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Background(QObject):
    """A few threads. What goes wrong is a sentence, through `failed` or the caller's own way."""

    failed = pyqtSignal(str)
    _ended = pyqtSignal(int, object, object)

    def __init__(self, parent: QObject | None = None, *, threads: int = 2) -> None:
        """With one thread, work is done in the order in which it was asked for."""
        super().__init__(parent)
        self._crew = _Crew(threads)
        self._waiting: dict[int, tuple[Callable[[Any], None], Callable[[str], None]]] = {}
        """Who gets a result, and what went wrong. Kept here, so that no thread is the last to know
        of what they hold, and deletes what is the window's."""
        self._numbers = count()
        weakref.finalize(self, self._crew.close, 0.0)
        self._ended.connect(self._on_ended)

    def start(
        self,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Do `work` in a thread, then `then` with its result here."""
        tell = self._ended.emit
        number = next(self._numbers)
        self._waiting[number] = then, failed or self.failed.emit

        def task() -> None:
            try:
                result, error = work(), None
            except Exception as raised:  # told by the receiver
                result, error = None, raised
            try:
                tell(number, result, error)
            except RuntimeError:  # its owner was closed meanwhile
                _log.info("nobody waits for %r any more", work)

        self._crew.do(task)

    def result(self, work: Callable[[], T]) -> T:
        """Of work that the caller has to wait for, while all goes on but keys and the mouse.

        Raises what the work raises.
        """
        loop = QEventLoop()
        ended: list[tuple[T | None, Exception | None]] = []

        def caught() -> tuple[T | None, Exception | None]:
            try:
                return work(), None
            except Exception as error:
                return None, error

        def take(result: tuple[T | None, Exception | None]) -> None:
            ended.append(result)
            loop.quit()

        self.start(caught, take)
        loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        if not ended:
            raise JukeboxError(self.tr("The program ends, so nothing new was begun."))
        made, error = ended[0]
        if error is not None:
            raise error
        return cast(T, made)

    def wait(self, seconds: float = 5.0) -> None:
        """For all that was asked for, so long at most."""
        self._crew.wait(seconds)

    def close(self, wait_seconds: float = 5.0) -> None:
        """Begin nothing more, wait for what runs, and tell of nothing any more. From any thread."""
        self._crew.close(wait_seconds)

    def _on_ended(self, number: int, result: object, error: Exception | None) -> None:
        then, failed = self._waiting.pop(number)
        if self._crew.is_closed:
            return
        try:
            if error is not None:
                raise error
            then(result)
        except JukeboxError as told:
            failed(str(told))
        except Exception as fault:
            _log.exception("in the background")
            failed(self.tr("Something went wrong that should not: {fault}.").format(fault=fault))


def begin_thread(work: Callable[..., object], *arguments: object) -> None:
    """Without waiting until it runs, as `threading.Thread` does: that may take long on a machine
    with much to do, and the window would stand still. Nobody can wait for its end either.
    """
    _thread.start_new_thread(work, arguments)


class _Crew:
    """Threads that nobody has to wait for: a drive that answers no more must not keep a program
    from ending. QThreadPool waits for its threads when it is deleted, and so do Python's pools.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = self._busy = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self.is_closed = False

    def do(self, task: Callable[[], None]) -> None:
        with self._changed:
            if self.is_closed:
                return
            self._waiting.append(task)
            if self._threads < min(self._most, self._busy + len(self._waiting)):
                self._threads += 1
                begin_thread(self._work)
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and not self._waiting, seconds)

    def close(self, wait_seconds: float) -> None:
        with self._changed:
            self.is_closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self.wait(wait_seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self.is_closed)
                if self.is_closed:
                    return
                task = self._waiting.popleft()
                self._busy += 1
            task()
            del task  # with all that it holds
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
