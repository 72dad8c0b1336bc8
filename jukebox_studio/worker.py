"""The engine in a process of its own: reads commands, writes events, one JSON object a line.

    {"render": {"job": 1, "model": FOLDER, "request": {...}, "out": FOLDER, "folder": FOLDER}}
    {"pause": 1}   {"resume": 1}   {"cancel": 1}   {"unload": true}   {"warm_up": true}

come in on stdin. Events with the number of their job go out on stdout; the last of a job is
`finished`, `failed` or `cancelled`. Between them come heartbeats:

    {"heartbeat": {"job": 1, "steps": 17, "paused": false}}

from a thread of its own; `steps` counts what the main one has got done. At the end of stdin the
process ends. `client.py` is the other side.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Cancelled, Event, Failed, Finished, Note
from jukebox_studio.worker_link import EngineSettings, Mailbox, event_key

if TYPE_CHECKING:
    from jukebox_studio.loaded import Models

NICENESS = 5
"""Below the DAW and everything a person waits for."""
END_SECONDS = 5.0
"""What a step may still take after the last listener has gone."""
LOCK_SECONDS = 15.0
"""Longer than END_SECONDS: the worker of a program that was killed may still hold its job."""
LOCK_FILE = ".lock"


class Engine(Protocol):
    """What a worker runs."""

    def render(self, job: dict[str, Any]) -> Iterator[Event]:
        """The events of a job but its last; leaving the iterator cancels it."""

    def warm_up(self) -> None:
        """Read what every job needs."""

    def unload(self) -> None:
        """Give back the memory of the model."""


class BundleEngine:
    """Renders on bundles. torch is imported with the first use, not with the process."""

    def __init__(self) -> None:
        self._models: Models | None = None
        self._has_told_of_gpu = False

    def render(self, job: dict[str, Any]) -> Iterator[Event]:
        if not self._has_told_of_gpu:
            self._has_told_of_gpu = True
            if sentence := unused_gpu():
                yield Note(sentence)
        folder = Path(job["folder"]) if job["folder"] else None
        with contextlib.ExitStack() as held:
            if folder:
                held.enter_context(_held(folder))
            yield from self._render(Path(job["model"]), job["request"], Path(job["out"]), folder)

    def _render(
        self, model: Path, request: dict[str, Any], out: Path, folder: Path | None
    ) -> Iterator[Event]:
        from jukebox_studio.bundle import open_bundle
        from jukebox_studio.engine import render
        from jukebox_studio.loaded import Models
        from jukebox_studio.request import request_from_json

        asked = request_from_json(request)
        self._models = self._models or Models()
        return render(open_bundle(model), asked, out, folder, self._models)

    def warm_up(self) -> None:
        import jukebox_studio.engine  # noqa: F401
        from jukebox_studio.loaded import Models
        from jukebox_studio.sampling.weights import native

        self._models = self._models or Models()
        native()  # codes are drawn on the processor, wherever the networks lie

    def unload(self) -> None:
        if self._models is not None:
            self._models.unload()


class Worker:
    """Runs the jobs that come in, one at a time, in their order."""

    def __init__(self, outbox: Mailbox, engine: Engine, settings: EngineSettings) -> None:
        self._outbox = outbox
        self._engine = engine
        self._settings = settings
        self._state = threading.Condition()
        """Guards what the commands change."""
        self._waiting: deque[dict[str, Any]] = deque()
        self._cancelled: set[int] = set()
        self._paused: set[int] = set()
        self._has_ended = False
        self._job: int | None = None
        self._steps = 0
        self._trouble = ""

    def run(self) -> None:
        """Until the commands end."""
        threading.Thread(target=self._beat, daemon=True).start()
        is_idle = True
        while True:
            with self._state:
                self._state.wait_for(
                    lambda: self._waiting or self._has_ended,
                    None if is_idle else self._settings.idle_seconds,
                )
                if self._has_ended:
                    return
                unload: dict[str, Any] = {"unload": True}
                command = self._waiting.popleft() if self._waiting else unload
            self._steps += 1
            if "render" in command:
                self._run(command["render"])
                is_idle = False
            elif "unload" in command:
                self._try("give back the memory of the model", self._engine.unload)
                is_idle = True
            elif "warm_up" in command:
                self._try("get ready", self._engine.warm_up)
                is_idle = False

    def listen(self, commands: Iterable[str]) -> None:
        """Take commands until there are no more; may be called from any thread."""
        for line in commands:
            try:
                command = json.loads(line)
                if not isinstance(command, dict):
                    raise ValueError("no object")
            except ValueError as error:
                print(f"a command that cannot be read ({error}): {line!r}", file=sys.stderr)
                continue
            with self._state:
                if "cancel" in command:
                    self._cancelled.add(command["cancel"])
                elif "pause" in command:
                    self._paused.add(command["pause"])
                elif "resume" in command:
                    self._paused.discard(command["resume"])
                else:
                    self._waiting.append(command)
                self._state.notify_all()
        self.end()

    def end(self) -> None:
        """Leave the job that runs after its present step."""
        with self._state:
            self._has_ended = True
            self._state.notify_all()

    def _run(self, job: dict[str, Any]) -> None:
        number: int = job["job"]
        self._job = number
        for event in self._events_of(number, job):
            self._outbox.put({"job": number, **event.to_json()}, event_key(number, event))
            self._steps += 1
        with self._state:
            self._job = None
            # What was said of this job is over, and of earlier ones, where it came too late.
            self._cancelled = {n for n in self._cancelled if n > number}
            self._paused = {n for n in self._paused if n > number}

    def _events_of(self, number: int, job: dict[str, Any]) -> Iterator[Event]:
        try:
            if not self._may_go_on(number):
                yield Cancelled()
                return
            if self._trouble:
                yield Note(self._trouble)
                self._trouble = ""
            with contextlib.closing(iter(self._engine.render(job))) as events:  # type: ignore[type-var]
                for event in events:
                    yield event
                    if not self._may_go_on(number):
                        yield Cancelled()
                        return
            yield Finished()
        except JukeboxError as error:
            yield Failed(str(error))
        except Exception as error:
            # Told and not raised: the next job may well be fine.
            traceback.print_exc(file=sys.stderr)
            if not is_out_of_memory(error):
                yield Failed(f"The render failed in a way that should not be: {error!r}.")
                return
            yield Failed(
                "The memory of this computer is used up. Ask for fewer variants, close other "
                "programs, or choose a smaller model."
            )
            # Not here: the error still holds on to what did not fit.
            with self._state:
                self._waiting.appendleft({"unload": True})

    def _may_go_on(self, number: int) -> bool:
        """After a pause, where there is one; False for a job that was cancelled."""
        with self._state:
            self._state.wait_for(
                lambda: number not in self._paused or number in self._cancelled or self._has_ended
            )
            return number not in self._cancelled and not self._has_ended

    def _try(self, what: str, act: Callable[[], None]) -> None:
        """Outside a job nobody listens, so the next one tells what went wrong."""
        try:
            act()
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._trouble = f"The engine could not {what}: {error!r}."

    def _beat(self) -> None:
        while not self._has_ended:
            with self._state:
                job = self._job
                beat = {"job": job, "steps": self._steps, "paused": job in self._paused}
            self._outbox.put({"heartbeat": beat}, key="heartbeat")
            time.sleep(self._settings.heartbeat_seconds)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was missing: Python's own, or that of torch on a processor or a GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    signs = ("can't allocate memory", "cannot allocate memory", "not enough memory")
    return isinstance(error, RuntimeError | OSError) and any(
        sign in said for sign in (*signs, "out of memory")
    )


def unused_gpu() -> str | None:
    """A sentence where the computer has an NVIDIA GPU that the installed torch cannot use."""
    import torch

    if torch.version.cuda is not None or getattr(torch.version, "hip", None) is not None:
        return None
    gpu = nvidia_gpu()
    return gpu and (
        f"This computer has a GPU ({gpu}), but the torch that is installed ({torch.__version__}) "
        "runs on the processor alone. Install a CUDA build of torch, as its installation page "
        "tells, and start again: renders are many times faster then."
    )


def nvidia_gpu() -> str | None:
    """The name of the first NVIDIA GPU, as its driver gives it."""
    if tool := shutil.which("nvidia-smi"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            listed = subprocess.run(
                [tool, "--query-gpu=name", "--format=csv,noheader"],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            )
            if names := listed.stdout.split("\n")[0].strip():
                return names
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        with contextlib.suppress(OSError):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("Model:"):
                    return line.removeprefix("Model:").strip()
    return None


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A job's folder for this process alone, by a lock that ends with the process."""
    lock = FileLock(folder / LOCK_FILE, timeout=LOCK_SECONDS, fallback_to_soft=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise JukeboxError(
            f"Another program is working on the job in {folder}; wait until it has ended, or end "
            "it, and ask again."
        ) from None
    except OSError as error:
        raise JukeboxError(
            f"The folder of the job, {folder}, cannot be used ({error.strerror or error}); check "
            "that you may write there."
        ) from error
    try:
        yield
    finally:
        lock.release()


def step_back() -> None:
    """Leave the processor to whoever else wants it. On Windows the client starts us so."""
    if sys.platform != "win32":
        os.nice(NICENESS)
    # Linux shares the processor by session first, and a process started apart is its own: there a
    # process's niceness counts for nothing, its session's does.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(f"{NICENESS}", encoding="ascii")


def serve(engine: Engine, settings: EngineSettings) -> None:
    """Be a worker on stdin and stdout until stdin ends, then end the process."""
    # Whatever prints something must not print it among the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # And whatever reads something must not read the commands.
    commands = os.fdopen(os.dup(0), encoding="utf-8", errors="replace")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    faulthandler.enable(file=sys.stderr)
    step_back()
    outbox = Mailbox()
    worker = Worker(outbox, engine, settings)

    def listen() -> None:
        worker.listen(commands)
        time.sleep(END_SECONDS)
        os._exit(1)  # a step that takes longer is not waited for: nobody is left to tell

    writer = threading.Thread(target=_write, args=(outbox, events, worker), daemon=True)
    writer.start()
    threading.Thread(target=listen, daemon=True).start()
    worker.run()
    outbox.close()
    writer.join(END_SECONDS)


def _write(outbox: Mailbox, events: IO[str], worker: Worker) -> None:
    try:
        while True:
            events.write(json.dumps(outbox.get()) + "\n")
            events.flush()
    except EOFError:
        return
    except OSError:  # nobody listens any more
        worker.end()


def settings_from_arguments(arguments: list[str]) -> EngineSettings:
    """The settings that the client sent along, and the bounds that torch reads when it starts."""
    parser = argparse.ArgumentParser(description="The engine; EngineClient starts it.")
    parser.add_argument("settings", type=json.loads, help="EngineSettings as JSON")
    settings = EngineSettings(**parser.parse_args(arguments).settings)
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(settings.threads)
    # Threads that spin while they wait for each other halve a render beside a busy DAW.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return settings


def main() -> None:
    """`python -m jukebox_studio.worker SETTINGS`"""
    settings = settings_from_arguments(sys.argv[1:])
    serve(BundleEngine(), settings)


if __name__ == "__main__":
    main()
