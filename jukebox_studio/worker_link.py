"""What the two sides of the engine's process share: its settings, and a mailbox. No torch."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Hashable
from dataclasses import asdict, dataclass, field
from typing import Any

from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Progress

MOST_THREADS = 256


def default_threads() -> int:
    """All processors that this program may use but one, which is the DAW's."""
    if sys.platform == "linux":
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    return max(1, usable - 1)


@dataclass(frozen=True)
class EngineSettings:
    """How the worker behaves towards the rest of the computer, and how long it is waited for."""

    threads: int = field(default_factory=default_threads)
    idle_seconds: float = 900.0
    """Without work for so long, the worker puts its model out of memory."""
    heartbeat_seconds: float = 1.0
    silent_seconds: float = 30.0
    """Without a sign of life for so long, the worker is taken to hang and is killed."""
    stuck_seconds: float = 600.0
    """The same where it gives signs of life and no step of the render ends. Longer than any step:
    a large model is read from a slow disk within one."""
    cancel_seconds: float = 10.0
    """How long a cancelled render may take to stop before its process is killed."""

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= MOST_THREADS:
            raise JukeboxError(f"Ask for 1 to {MOST_THREADS} threads, not {self.threads}.")
        for name, seconds in asdict(self).items():
            if name != "threads" and not seconds > 0:
                raise JukeboxError(f"The setting {name} must be above 0, not {seconds:g}.")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Mailbox:
    """Messages from threads that must never wait to one that may be slow.

    A message with a key takes the place of the one with that key that nobody has read yet, so that
    reports of progress do not pile up.
    """

    def __init__(self) -> None:
        self._pending: dict[Hashable, Any] = {}
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, message: Any, key: Hashable = None) -> None:
        with self._changed:
            if key is None:
                self._count += 1
                key = (Mailbox, self._count)
            self._pending.pop(key, None)  # the new one goes to the end
            self._pending[key] = message
            self._changed.notify_all()

    def close(self) -> None:
        """No message will come any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def get(self, timeout_seconds: float | None = None) -> Any:
        """The oldest message. TimeoutError where none came; EOFError after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closed, timeout_seconds)
            if self._pending:
                return self._pending.pop(next(iter(self._pending)))
            if self._closed:
                raise EOFError
            raise TimeoutError


def event_key(job: Hashable, event: Event) -> Hashable:
    """What a later report of the same thing takes the place of; None where all must be read."""
    return (job, event.level) if isinstance(event, Progress) else None
