"""The door to the engine: renders in another process, as an iterator of events. No torch.

with EngineClient() as engine:
    for event in engine.render(bundle_folder, request, out):
        print(event)
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Cancelled, Event, Failed, Finished, event_from_json
from jukebox_studio.worker_link import EngineSettings, Mailbox, event_key

ENDINGS = (Finished, Failed, Cancelled)
WORKER = (sys.executable, "-m", "jukebox_studio.worker")
_POLL_SECONDS = 0.5
_LAST_WORDS_LINES = 50

_log = logging.getLogger(__name__)


class HasJson(Protocol):
    """A request, of which the client knows no more."""

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class EngineStopped(Failed):
    """The worker died or hung, through no fault of the request: the same call goes on."""


class EngineClient:
    """One worker process: started when first needed, and again after it died.

    Renders one request at a time. `cancel`, `pause`, `resume`, `unload` and `close` may be called
    from another thread than the one that reads the events. The worker never waits for that reader:
    events are kept for it, of the reports of progress the last.
    """

    def __init__(
        self,
        threads: int | None = None,
        *,
        settings: EngineSettings | None = None,
        command: Sequence[str] = WORKER,
    ) -> None:
        """`threads` is short for settings with that number. `command` starts a worker."""
        if settings is None:
            settings = EngineSettings(threads) if threads else EngineSettings()
        self.settings = settings
        self._command = tuple(command)
        self._numbers = itertools.count(1)
        self._process: _Process | None = None
        self._starting = threading.Lock()
        self._job: int | None = None
        self._words: list[dict[str, Any]] = []
        """What was said of that job, for another worker if this one has to be replaced."""

    @property
    def process_id(self) -> int | None:
        """Of the running worker."""
        process = self._process
        return process.popen.pid if process and process.is_running else None

    @property
    def last_words(self) -> str:
        """What the worker printed last, for a report of what went wrong."""
        return "".join(self._process.last_words) if self._process else ""

    def render(
        self,
        model: Path,
        request: HasJson | Mapping[str, Any],
        out: Path,
        folder: Path | None = None,
    ) -> Iterator[Event]:
        """Events of a render; the last is Finished, Failed or Cancelled.

        `request` is one, or its JSON. `folder` keeps what is done, so that the same call goes on
        after whatever stopped it; EngineStopped, a kind of Failed, says where that was the worker's
        death. Leaving the iterator cancels the render. `cancel` and `pause` count from this call
        on, before the first event is asked for. Raises JukeboxError where no worker can be started.
        """
        number = next(self._numbers)
        job = {
            "job": number,
            "model": str(model),
            "request": dict(request) if isinstance(request, Mapping) else request.to_json(),
            "out": str(out),
            "folder": str(folder) if folder else None,
        }
        process = self._started()
        self._words = []
        self._job = number
        return self._follow(process, number, {"render": job})

    def _follow(self, process: _Process, number: int, command: dict[str, Any]) -> Iterator[Event]:
        ended = False
        try:
            while True:
                for word in (command, *self._words):
                    process.send(word)
                for event in self._events(process, number):
                    ended = isinstance(event, ENDINGS)
                    if ended:
                        self._job = None
                    yield event
                if ended:
                    return
                # Killed for a render that was left and did not stop: this one had not begun.
                process = self._started()
        finally:
            if not ended:
                self._job = None
                process.stop(number, self.settings.cancel_seconds)

    def cancel(self) -> None:
        """Stop the running render: at once, or by killing its process if that takes too long."""
        number, process = self._job, self._process
        if number is not None and process is not None:
            self._words.append({"cancel": number})
            process.stop(number, self.settings.cancel_seconds)

    def pause(self) -> None:
        """Hold the running render after its present step, its model in memory."""
        self._tell("pause")

    def resume(self) -> None:
        """Let it go on."""
        self._tell("resume")

    def unload(self) -> None:
        """Put the model out of memory, after the running render."""
        if self._process is not None:
            self._process.send({"unload": True})

    def warm_up(self) -> None:
        """Start the worker, so that the first render need not wait for it."""
        self._started().send({"warm_up": True})

    def close(self) -> None:
        """End the worker; a render that is running is lost but for its folder."""
        with self._starting:
            if self._process is not None:
                self._process.close()

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, what: str) -> None:
        number, process = self._job, self._process
        if number is not None and process is not None:
            self._words.append({what: number})
            process.send({what: number})

    def _started(self) -> _Process:
        with self._starting:
            if self._process is not None and not self._process.is_running:
                self._process.close()
                self._process = None
            if self._process is None:
                self._process = _Process(self._command, self.settings)
            return self._process

    def _events(self, process: _Process, number: int) -> Iterator[Event]:
        """Up to the ending; none where the process ended for the sake of an earlier render."""
        watch = _Watch(process, self.settings)
        while True:
            try:
                job, event = process.inbox.get(_POLL_SECONDS)
            except TimeoutError:
                if sentence := watch.fault_after(_POLL_SECONDS):
                    process.kill(number)
                    yield EngineStopped(sentence)
                    return
                continue
            except EOFError:
                if process.killed_for in (None, number):
                    yield process.ending()
                return
            watch.seen()
            if job != number:
                continue  # what was left of a render that was left
            yield event
            if isinstance(event, ENDINGS):
                return


class _Process:
    """A running worker, its events and its last words, read by threads of their own."""

    def __init__(self, command: Sequence[str], settings: EngineSettings) -> None:
        flags = 0
        if sys.platform == "win32":
            # There the priority is given at the start. No console, and no Ctrl-C from ours.
            flags = (
                subprocess.BELOW_NORMAL_PRIORITY_CLASS
                | subprocess.CREATE_NO_WINDOW
                | subprocess.CREATE_NEW_PROCESS_GROUP
            )
        try:
            self.popen = subprocess.Popen(
                [*command, json.dumps(settings.to_json())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                creationflags=flags,
                # Ctrl-C in a terminal goes to the whole group; the worker is ended by us alone.
                start_new_session=True,
            )
        except OSError as error:
            raise JukeboxError(
                f"The engine could not be started ({error.strerror or error}). Close other "
                "programs and try again, or install Jukebox Studio anew."
            ) from error
        self.inbox = Mailbox()
        """Of (number of the job, event)."""
        self.last_words: deque[str] = deque(maxlen=_LAST_WORDS_LINES)
        self.heartbeats = 0
        self.beat: dict[str, Any] = {}
        self.killed_for: int | None = None
        """The render for whose sake we killed it."""
        self._ended_job = 0
        self._is_closed = False
        self._sending = threading.Lock()
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_events, args=(self.popen.stdout,), daemon=True),
            threading.Thread(target=self._read_words, args=(self.popen.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None and not self._is_closed and self.killed_for is None

    def send(self, command: dict[str, Any]) -> None:
        """Tell the worker. If it has died, reading its events tells how."""
        assert self.popen.stdin is not None
        # ValueError: closed meanwhile.
        with self._sending, contextlib.suppress(OSError, ValueError):
            self.popen.stdin.write(json.dumps(command) + "\n")
            self.popen.stdin.flush()

    def stop(self, number: int, within_seconds: float) -> None:
        """Cancel a render, by killing the process where it takes longer."""
        self.send({"cancel": number})

        def make_sure() -> None:
            if self._ended_job < number:
                self.kill(number)

        timer = threading.Timer(within_seconds, make_sure)
        timer.daemon = True
        timer.start()

    def kill(self, number: int) -> None:
        self.killed_for = number
        self.popen.kill()

    def ending(self) -> Event:
        """Why no more events came."""
        code = self.popen.wait()
        if self._is_closed or self.killed_for is not None:
            return Cancelled()
        for reader in self._readers:
            reader.join(1.0)
        _log.error("the worker ended with %d: %s", code, "".join(self.last_words))
        return EngineStopped(_death_sentence(code))

    def close(self) -> None:
        self._is_closed = True
        self.popen.kill()
        self.popen.wait()
        streams = [self.popen.stdin]
        for reader, stream in zip(
            self._readers, (self.popen.stdout, self.popen.stderr), strict=True
        ):
            reader.join(1.0)
            if not reader.is_alive():  # else a child of the worker holds the pipe open
                streams.append(stream)
        for stream in streams:
            assert stream is not None
            with contextlib.suppress(OSError):  # what could not be sent any more
                stream.close()

    def _read_events(self, lines: IO[str]) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            for line in lines:
                self._take(line)
        self.inbox.close()

    def _take(self, line: str) -> None:
        try:
            data = json.loads(line)
            if "heartbeat" in data:
                self.beat, self.heartbeats = dict(data["heartbeat"]), self.heartbeats + 1
                return
            number = int(data.pop("job"))
            event = event_from_json(data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            _log.warning("the worker said what is no event (%s): %r", error, line[:200])
            return
        if isinstance(event, ENDINGS):
            self._ended_job = number
        self.inbox.put((number, event), event_key(number, event))

    def _read_words(self, lines: IO[str]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in lines:
                self.last_words.append(line)
                _log.info("worker: %s", line.rstrip())


class _Watch:
    """Tells a worker that hangs from one that has much to do.

    Time is counted in waits that ended without an event, not read from a clock: a computer that
    slept, or a reader that was busy, makes no worker look dead.
    """

    def __init__(self, process: _Process, settings: EngineSettings) -> None:
        self._process = process
        self._settings = settings
        self.seen()

    def seen(self) -> None:
        """An event came."""
        self._heartbeats, self._steps = self._process.heartbeats, self._process.beat.get("steps")
        self._silent_seconds = self._stuck_seconds = 0.0

    def fault_after(self, waited_seconds: float) -> str:
        """What is wrong after one more wait; empty where nothing is."""
        beat = self._process.beat
        self._silent_seconds += waited_seconds
        self._stuck_seconds += waited_seconds
        if self._process.heartbeats != self._heartbeats:
            self._heartbeats, self._silent_seconds = self._process.heartbeats, 0.0
        if beat.get("steps") != self._steps or beat.get("paused"):
            self._steps, self._stuck_seconds = beat.get("steps"), 0.0
        if self._silent_seconds >= self._settings.silent_seconds:
            said = f"gave no sign of life for {self._settings.silent_seconds:g} s"
        elif self._stuck_seconds >= self._settings.stuck_seconds:
            said = f"came no step further in {self._settings.stuck_seconds:g} s"
        else:
            return ""
        return (
            f"The engine {said}, so it was ended. Ask for the same again: it goes on from what "
            "was finished."
        )


def _death_sentence(code: int) -> str:
    """Why a worker ended that nobody told to, from its exit code."""
    again = "Ask for the same again: it goes on from what was finished."
    if code == -9:  # POSIX: SIGKILL, which the kernel sends when memory runs out
        return (
            "The engine was ended by the system in the midst of its work, most often because "
            f"memory ran out; fewer variants need less. {again}"
        )
    # Windows: 0xC0000017 and 0xC000012D say that memory ran out.
    if os.name == "nt" and code & 0xFFFFFFFF in (0xC0000017, 0xC000012D):
        return (
            "The engine ran out of memory in the midst of its work; fewer variants need less. "
            f"{again}"
        )
    return f"The engine stopped in the midst of its work (exit code {code}). {again}"
