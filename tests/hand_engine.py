"""An engine that is played by hand."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jukebox_studio.events import Cancelled, Event, Failed, Finished

PATIENCE_SECONDS = 60


class HandEngine:
    """Each render is put into `begun`, and tells what is put into `says`.

    A request with `raise` fails inside.
    """

    def __init__(self) -> None:
        self.says: queue.Queue[Event] = queue.Queue()
        self.begun: queue.Queue[tuple[dict[str, Any], Path, Path]] = queue.Queue()
        self.told: list[str] = []

    def render(
        self, model: Path, request: dict[str, Any], out: Path, folder: Path | None
    ) -> Iterator[Event]:
        assert folder is not None
        self.begun.put((request, out, folder))
        if "raise" in request:
            raise ZeroDivisionError(request["raise"])
        while True:
            event = self.says.get(timeout=PATIENCE_SECONDS)
            yield event
            if isinstance(event, Finished | Failed | Cancelled):
                return

    def cancel(self) -> None:
        self.told.append("cancel")
        self.says.put(Cancelled())

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def close(self) -> None:
        self.told.append("close")
        self.says.put(Cancelled())
