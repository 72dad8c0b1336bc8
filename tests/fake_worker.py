"""A worker whose engine plays what the request says, so that tests need no model and no torch.

The request is `{"play": [act, ...]}`; see `PlayedEngine.render`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Note, Progress
from jukebox_studio.worker import serve, settings_from_arguments


class PlayedEngine:
    def __init__(self) -> None:
        self.loads = 0
        self.is_loaded = False

    def render(self, job: dict[str, Any]) -> Iterator[Event]:
        if not self.is_loaded:
            self.is_loaded = True
            self.loads += 1
        for act, value in job["request"]["play"]:
            if act == "note":
                yield Note(value)
            elif act == "loads":
                yield Note(f"loaded {self.loads} times, in {os.environ['OMP_NUM_THREADS']} threads")
            elif act == "steps":
                for step in range(value):
                    time.sleep(0.002)
                    yield Progress(0, step + 1, value, 1.0, 1.0)
            elif act == "flood":
                for step in range(value):
                    yield Progress(0, step + 1, value, 1.0, 1.0)
            elif act == "once":
                # What happens to the first attempt only, as a crash does.
                path = Path(job["out"])
                if not path.exists():
                    path.touch()
                    yield from self.render({**job, "request": {"play": value}})
            elif act == "sleep":
                time.sleep(value)
            elif act == "noise":
                print("this is no JSON")
                os.write(1, b'{"job": 1, "event": "finished"}\n')
                sys.stdout.flush()
            elif act == "exit":
                os.write(2, b"last words\n")
                os._exit(value)
            elif act == "kill":
                os.kill(os.getpid(), value)
            elif act == "freeze":
                # Not even other threads go on.
                os.kill(os.getpid(), value)
            elif act == "deadlock":
                lock = threading.Lock()
                lock.acquire()
                lock.acquire()
            elif act == "fail":
                raise JukeboxError(value)
            elif act == "bug":
                raise ZeroDivisionError(value)
            elif act == "no memory":
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 GB")

    def warm_up(self) -> None:
        self.is_loaded = True
        self.loads += 1

    def unload(self) -> None:
        self.is_loaded = False
        if os.environ.get("FAKE_UNLOAD_FAILS"):
            raise OSError("the card has gone")


if __name__ == "__main__":
    serve(PlayedEngine(), settings_from_arguments(sys.argv[1:]))
