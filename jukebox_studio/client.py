"""The door to the engine: renders in another process, as an iterator of events. No torch.

with EngineClient() as engine:
    for event in engine.render(bundle_folder, request, out):
        print(event)
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from jukebox_studio.events import Cancelled, Event, Failed, Finished, event_from_json
from jukebox_studio.request import ContinueRequest

ENDINGS = (Finished, Failed, Cancelled)
CANCEL_SECONDS = 10.0
"""How long a cancelled render may take to stop before its process is killed."""


def default_threads() -> int:
    """All processors but one, which is the DAW's."""
    return max(1, (os.cpu_count() or 1) - 1)


class EngineClient:
    """One worker process: started when first needed, and again after it died.

    Renders one request at a time. `cancel` may be called from another thread.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or default_threads()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[str] | None = None
        self._job: int | None = None
        self._killed_by_us = False

    @property
    def process_id(self) -> int | None:
        """Of the running worker."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def render(
        self, model: Path, request: ContinueRequest, out: Path, folder: Path | None = None
    ) -> Iterator[Event]:
        """Events of a render; the last is Finished, Failed or Cancelled.

        `folder` keeps what is done, so that the same call goes on after whatever stopped it.
        Leaving the iterator cancels the render.
        """
        process = self._started()
        self._job = number = next(self._numbers)
        ended = False
        job = {
            "job": number,
            "model": str(model),
            "request": request.to_json(),
            "out": str(out),
            "folder": str(folder) if folder else None,
        }
        try:
            sent = self._send({"render": job})
            for data in self._lines(process) if sent else ():
                if data.pop("job") != number:
                    continue  # what was left of a render that was left
                event = event_from_json(data)
                ended = isinstance(event, ENDINGS)
                yield event
                if ended:
                    return
            ended = True
            yield self._died(process)
        finally:
            self._job = None
            if not ended:
                self._send({"cancel": number})

    def cancel(self) -> None:
        """Stop the running render: at once, or after CANCEL_SECONDS by killing its process."""
        number, process = self._job, self._process
        if number is None or process is None:
            return
        self._send({"cancel": number})

        def make_sure() -> None:
            if self._job == number:
                self._killed_by_us = True
                process.kill()

        timer = threading.Timer(CANCEL_SECONDS, make_sure)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End the worker; a render that is running is lost but for its folder."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process = None

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._killed_by_us = False
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jukebox_studio.worker", str(self.threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                # Ctrl-C in a terminal goes to the whole group; the worker is ended by us alone.
                start_new_session=True,
            )
        return self._process

    def _send(self, command: dict[str, Any]) -> bool:
        """Whether the worker could still be told."""
        process = self._process
        if process is None or process.stdin is None:
            return False
        try:
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()
        except OSError:
            return False  # it has died; reading its events tells how
        return True

    def _lines(self, process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)

    def _died(self, process: subprocess.Popen[str]) -> Event:
        code = process.wait()
        if self._killed_by_us:
            return Cancelled()
        return Failed(
            f"The engine stopped in the midst of its work (exit code {code}). Ask for the same "
            "again: it goes on from what was finished."
        )
