"""The engine in a process of its own: reads requests, writes events, one JSON object a line.

    {"render": {"job": 1, "model": FOLDER, "request": {...}, "out": FOLDER, "folder": FOLDER}}
    {"cancel": 1}

come in on stdin, events with the number of their job go out on stdout; the last of a job is
`finished`, `failed` or `cancelled`. At the end of stdin the process ends. `client.py` is the other
side.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Cancelled, Event, Failed, Finished
from jukebox_studio.request import request_from_json

NICENESS = 5
"""Below the DAW and everything a person waits for."""


class Worker:
    """Runs the jobs that come in, one at a time, in their order."""

    def __init__(self, commands: IO[str], events: IO[str]) -> None:
        self._commands = commands
        self._events = events
        self._jobs: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Until the commands end."""
        threading.Thread(target=self._listen, daemon=True).start()
        while (job := self._jobs.get()) is not None:
            for event in self._events_of(job):
                print(json.dumps({"job": job["job"], **event.to_json()}), file=self._events)
                self._events.flush()

    def _listen(self) -> None:
        for line in self._commands:
            command = json.loads(line)
            if "render" in command:
                self._jobs.put(command["render"])
            elif "cancel" in command:
                self._cancelled.add(command["cancel"])
        self._jobs.put(None)

    def _events_of(self, job: dict[str, Any]) -> Iterator[Event]:
        try:
            # The first job pays for loading torch, not the start of the process.
            from jukebox_studio.bundle import open_bundle
            from jukebox_studio.engine import continue_clip

            events = continue_clip(
                open_bundle(Path(job["model"])),
                request_from_json(job["request"]),
                Path(job["out"]),
                Path(job["folder"]) if job["folder"] else None,
            )
            for event in events:
                yield event
                if job["job"] in self._cancelled:
                    yield Cancelled()
                    return
            yield Finished()
        except JukeboxError as error:
            yield Failed(str(error))
        except MemoryError:
            yield Failed("The memory of this computer is used up; ask for fewer variants.")
        except Exception as error:
            # Told and not raised: the next job may well be fine.
            yield Failed(f"The render failed in a way that should not be: {error!r}.")


def step_back() -> None:
    """Leave the processor to whoever else wants it."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # Linux shares the processor by session first, and a process started apart is its own: there a
    # process's niceness counts for nothing, its session's does.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(f"{NICENESS}", encoding="ascii")


def main() -> None:
    """`python -m jukebox_studio.worker THREADS`"""
    # Whatever prints something must not print it among the events.
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = sys.argv[1]
    step_back()
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more
        Worker(sys.stdin, events).run()


if __name__ == "__main__":
    main()
