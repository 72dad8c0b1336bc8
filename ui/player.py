"""Playing, for the window: tells the process that plays what to do, and the window what it does.

Nothing here waits. What is wanted (sources, which one, loop, ...) is kept, so that it can be told
to a process that is not ready yet, or to a new one after a crash or a lost device.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QProcess, QTimer, pyqtSignal

from ui.background import Background
from ui.playback_link import Output, PlaybackSettings, working_folder

PLAYBACK = (sys.executable, "-P", "-m", "ui.playback")
PREPARER = (sys.executable, "-P", "-m", "ui.playable")

# A process that ends so often within so long will do so again.
_MOST_CRASHES = 3
_CRASHES_WITHIN_SECONDS = 20.0
_SILENT_SECONDS = 10.0
_TIDY_MILLISECONDS = 3_000
_LAST_WORDS_LINES = 50
_CLOSE_MILLISECONDS = 1_000
# Between asking for a start and the first bar it can be had on, besides the device's latency.
_START_LEAD_SECONDS = 0.1
_OPENING_SECONDS = 0.4

_AWAY = "away"
_BEFORE, _AFTER = "/before", "/after"


@dataclass(frozen=True)
class PlayerSource:
    """A stretch of a file at a place on the project's timeline."""

    id: str
    path: Path
    start_seconds: float
    gain_db: float = 0.0
    """To make it as loud as the others; applies while loudness is matched."""
    file_start_samples: int = 0
    length_samples: int | None = None
    """At the file's rate; None for the rest of the file. What the file does not have yet is
    silent."""
    whole_seconds: float = 0.0
    """How long it will be, where a preview holds less so far."""


def next_bar_seconds(
    earliest_seconds: float,
    *,
    at_seconds: float,
    beat: float,
    tempo_bpm: float,
    beats_per_bar: float,
) -> float:
    """When the first bar begins that is not before `earliest_seconds`.

    Seconds of time.monotonic(). Beats are quarter notes; `beat` is where the song is at
    `at_seconds`, counted from a bar line, as in bridge.transport.TransportState.
    """
    seconds_per_beat = 60 / tempo_bpm
    earliest_beat = beat + (earliest_seconds - at_seconds) / seconds_per_beat
    # A bar line that is missed by less than rounding is not missed.
    bar = math.ceil(earliest_beat / beats_per_bar - 1e-9)
    return at_seconds + (bar * beats_per_bar - beat) * seconds_per_beat


class Player(QObject):
    """Plays one of several sources on a timeline, switching between them at the playhead.

    Starts its process at once. Methods return at once; signals tell what came of them.
    """

    position = pyqtSignal(float)
    """The playhead in seconds, about 30 times a second while it moves."""
    state = pyqtSignal(bool)
    """Whether it plays."""
    switched = pyqtSignal(str)
    """The source that is heard from now on."""
    starts_at = pyqtSignal(float)
    """When `play_on_bar` starts, in seconds of time.monotonic()."""
    device_lost = pyqtSignal(str)
    """A sentence: the device is gone, or is not the one that was asked for, or there is none."""
    device_found = pyqtSignal()
    """There is a device to play through, after `device_lost` or at the start."""
    error = pyqtSignal(str)
    """A sentence: something could not be played."""

    def __init__(
        self,
        settings: PlaybackSettings | None = None,
        parent: QObject | None = None,
        *,
        playback: Sequence[str] = PLAYBACK,
        preparer: Sequence[str] = PREPARER,
    ) -> None:
        """`playback` and `preparer` are the commands that start the two processes."""
        super().__init__(parent)
        self._settings = settings or PlaybackSettings()
        self._commands = (tuple(playback), tuple(preparer))
        self._folder = working_folder()
        self._background = Background(self, threads=1)
        self._sources: dict[str, PlayerSource] = {}
        """All that should be playable: by id, what is around under two names of ours."""
        self._ready: dict[str, tuple[PlayerSource, Path]] = {}
        """What is, by the same names; older than what should be while that is being prepared."""
        self._asks: deque[tuple[int, str, PlayerSource]] = deque()
        self._asked: tuple[int, str, PlayerSource] | None = None
        self._asks_count = 0
        self._current = ""
        self._wishes: dict[str, Any] = {"matched": True, "muted": False, "loop": None}
        self._start: dict[str, Any] | None = None
        """A start that waits for the process, or for its source."""
        self._is_ready = self._is_closed = self._is_lost = self._is_restarting = False
        self._crashes: deque[float] = deque(maxlen=_MOST_CRASHES)
        self._heard_of_at_seconds = 0.0
        self._was_told = ""

        self.outputs: tuple[Output, ...] = ()
        """The devices, as they were when the process last looked."""
        self.output: str | None = None
        """The one that is used."""
        self.rate_hz = 0
        self.latency_seconds = 0.0
        """From a command to the ear; 0 while no device is open."""
        self.dropouts = 0
        """How often the device went without sound, as far as it says."""
        self.is_playing = False
        self.position_seconds = 0.0
        self.heard = ""
        self.last_words: deque[str] = deque(maxlen=_LAST_WORDS_LINES)
        """What the processes printed, for a report of what went wrong."""

        self._playback = self._new_process(self._hear_playback, self._playback_ended)
        self._preparer = self._new_process(self._hear_preparer, self._preparer_ended)
        self._watch = QTimer(self)
        self._watch.timeout.connect(self._kill_if_hanging)
        self._watch.start(1_000)
        self._tidy = QTimer(self)
        self._tidy.setSingleShot(True)
        self._tidy.timeout.connect(self._remove_unused)
        self._start_playback()

    @property
    def settings(self) -> PlaybackSettings:
        return self._settings

    @property
    def current(self) -> str:
        """The source that was last asked for."""
        return self._current

    @property
    def process_id(self) -> int:
        """Of the process that plays; 0 while it does not run."""
        return int(self._playback.processId() or 0)

    def load(self, sources: Sequence[PlayerSource]) -> None:
        """All that can be switched to, on one timeline; takes the place of what was loaded.

        A source that is heard plays on untouched if it is the same. What was loaded under its id
        plays until the new one is ready, as with a preview whose file was replaced: load it again.
        """
        around = {name: s for name, s in self._sources.items() if name in (_BEFORE, _AFTER)}
        self._sources = {source.id: source for source in sources} | around
        if self._current not in self._sources:
            self._current = sources[0].id if sources else ""
            self._send({"switch": self._current})
        self._prepare_all()

    def set_context(self, before: PlayerSource | None, after: PlayerSource | None) -> None:
        """What sounds where the heard source does not: the clip before and after it."""
        around = {_BEFORE: before, _AFTER: after}
        for name, source in around.items():
            self._sources.pop(name, None)
            if source is not None:
                self._sources[name] = source
        self._prepare_all()

    def switch(self, id: str) -> None:
        """Hear this source from the playhead on, as soon as it is ready. An unknown id is no
        error: its source may be loaded later."""
        self._current = id
        self._send({"switch": id})
        self._ask_next()

    def play(self, from_seconds: float | None = None) -> None:
        """From a time, or from the playhead; from the beginning where that is at the end."""
        self._begin({"play": from_seconds})

    def play_at(self, monotonic_seconds: float, seconds: float) -> None:
        """Be at `seconds` of the timeline when time.monotonic() says so: to the sample by the
        device's own clock. If that time is past, join in. Ask again to follow a clock: a playhead
        that is right within 10 ms is left alone."""
        self._begin({"play_at": [monotonic_seconds, seconds]})

    def play_on_bar(
        self,
        from_seconds: float,
        *,
        at_seconds: float,
        beat: float,
        tempo_bpm: float,
        beats_per_bar: float,
    ) -> None:
        """Start with the next bar of a song that is at `beat` at `at_seconds`: the first that can
        be had once the source is ready. See next_bar_seconds; `starts_at` tells when it is."""
        clock = {
            "at_seconds": at_seconds,
            "beat": beat,
            "tempo_bpm": tempo_bpm,
            "beats_per_bar": beats_per_bar,
        }
        self._begin({"play_on_bar": (from_seconds, clock)})

    def stop(self) -> None:
        """Fall silent; the playhead stays."""
        self._start = None
        self._send({"stop": True})

    def seek(self, seconds: float) -> None:
        """Move the playhead; what plays goes on from there."""
        self.position_seconds = seconds
        self._send({"locate": seconds})

    def set_loop(self, start_seconds: float | None, end_seconds: float | None = None) -> None:
        """Go back to the start whenever the playhead reaches the end; None for no loop. Loops of
        less than 20 ms count as none."""
        is_loop = start_seconds is not None and end_seconds is not None
        self._wish("loop", [start_seconds, end_seconds] if is_loop else None)

    def set_matched(self, is_matched: bool) -> None:
        """Whether sources are heard equally loud, by their gains, or as they are."""
        self._wish("matched", is_matched)

    def set_muted(self, is_muted: bool) -> None:
        """Silence, while the playhead goes on: because the DAW plays."""
        self._wish("muted", is_muted)

    def set_settings(self, settings: PlaybackSettings) -> None:
        """Another device, latency or buffer: the process is started anew and plays on."""
        if settings != self._settings:
            self._settings = settings
            self.restart()

    def restart(self) -> None:
        """Start the process anew, which also looks for devices anew; what plays goes on."""
        self._crashes.clear()
        self._resume_if_playing()
        self._is_ready = False
        if self._playback.state() == QProcess.ProcessState.NotRunning:
            self._start_playback()
        else:
            # Then it is started anew: not before, since two cannot have a device.
            self._is_restarting = True
            self._playback.kill()

    def close(self) -> None:
        """End the processes and remove what they made. The player cannot be used any more."""
        if self._is_closed:
            return
        self._is_closed = True
        self._watch.stop()
        self._tidy.stop()
        for process in (self._playback, self._preparer):
            self._stop_process(process)
        self._background.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # What is wanted of the process that plays.

    def _wish(self, what: str, value: Any) -> None:
        self._wishes[what] = value
        self._send({what: value})

    def _send(self, command: dict[str, Any]) -> None:
        if self._is_ready:
            self._playback.write((json.dumps(command) + "\n").encode())

    def _begin(self, start: dict[str, Any]) -> None:
        self._start = start
        if self._playback.state() == QProcess.ProcessState.NotRunning:
            self._crashes.clear()
            self._start_playback()
        self._start_if_ready()

    def _start_if_ready(self) -> None:
        if self._start is None or not self._is_ready:
            return
        if not self._current:
            self._start = None
            self.error.emit(self.tr("There is nothing to play yet: add a clip first."))
        elif self._current in self._ready:
            start, self._start = self._start, None
            if "play_on_bar" in start:
                start = self._on_bar(*start["play_on_bar"])
            self._send(start)

    def _on_bar(self, from_seconds: float, clock: dict[str, float]) -> dict[str, Any]:
        opening = 0.0 if self.latency_seconds else _OPENING_SECONDS
        latency = self.latency_seconds or self._settings.latency_seconds
        earliest = time.monotonic() + opening + latency + _START_LEAD_SECONDS
        bar_seconds = next_bar_seconds(earliest, **clock)
        self.starts_at.emit(bar_seconds)
        return {"play_at": [bar_seconds, from_seconds]}

    def _send_sources(self) -> None:
        def told(name: str) -> dict[str, Any] | None:
            if name not in self._ready:
                return None
            source, file = self._ready[name]
            return {
                "id": source.id,
                "file": str(file),
                "start_seconds": source.start_seconds,
                "gain_db": source.gain_db,
                "whole_seconds": source.whole_seconds,
            }

        playable = [told(name) for name in self._sources if name not in (_BEFORE, _AFTER)]
        self._send(
            {
                "sources": [source for source in playable if source is not None],
                "before": told(_BEFORE),
                "after": told(_AFTER),
            }
        )

    def _tell_everything(self) -> None:
        """To a process that has just started."""
        self._send(self._wishes | {"switch": self._current})
        self._send_sources()
        self._send({"locate": self.position_seconds})
        self._start_if_ready()

    # Making files playable.

    def _prepare_all(self) -> None:
        for name, (source, _) in list(self._ready.items()):
            wanted = self._sources.get(name)
            # While it plays, the old is better than nothing, for as long as the new takes.
            if wanted is None or (not self.is_playing and wanted.path != source.path):
                del self._ready[name]
        self._asks.clear()
        for name, source in self._sources.items():
            self._asks_count += 1
            self._asks.append((self._asks_count, name, source))
        self._send_sources()
        self._ask_next()
        self._tidy.start(_TIDY_MILLISECONDS)

    def _ask_next(self) -> None:
        """One at a time, what is to be heard first."""
        if self._asked is not None or not self._asks or not self.rate_hz:
            return
        if self._preparer.state() == QProcess.ProcessState.NotRunning:
            self._run(self._preparer, self._commands[1])
        ask = next((ask for ask in self._asks if ask[1] == self._current), self._asks[0])
        self._asks.remove(ask)
        self._asked = ask
        number, _, source = ask
        order = {
            "prepare": number,
            "path": str(source.path),
            "file_start_samples": source.file_start_samples,
            "length_samples": source.length_samples,
            "rate_hz": self.rate_hz,
            "folder": str(self._folder),
        }
        self._preparer.write((json.dumps(order) + "\n").encode())

    def _hear_preparer(self) -> None:
        for said in self._lines(self._preparer):
            number = said.get("prepared", said.get("failed"))
            self._take_answer(number, said.get("file"), said.get("sentence", ""))

    def _take_answer(self, number: int | None, file: str | None, sentence: str) -> None:
        """The end of an ask: a playable file, or why there is none."""
        if self._asked is None or self._asked[0] != number:
            return
        _, name, source = self._asked
        self._asked = None
        if self._sources.get(name) == source:  # else it is not wanted any more
            if file is not None:
                self._ready[name] = (source, Path(file))
                self._send_sources()
                self._start_if_ready()
            else:
                if name == self._current and name not in self._ready:
                    self._start = None
                self.error.emit(sentence)
        self._ask_next()

    def _preparer_ended(self) -> None:
        if self._is_closed or self._asked is None:
            return
        number, _, source = self._asked
        self._take_answer(
            number,
            None,
            self.tr(
                "{path} cannot be played: making it ready ended unexpectedly. Choose a shorter "
                "stretch of it, or close other programs and try again."
            ).format(path=source.path),
        )

    def _remove_unused(self) -> None:
        if self._asks or self._asked is not None:  # an answer may name one of them
            self._tidy.start(_TIDY_MILLISECONDS)
            return
        used = {file for _, file in self._ready.values()}
        away = self._folder / _AWAY
        away.mkdir(exist_ok=True)
        for file in self._folder.iterdir():
            if file not in used and file != away:
                try:
                    file.replace(away / file.name)
                except OSError:  # Windows: still mapped by the process that plays
                    self._tidy.start(_TIDY_MILLISECONDS)
        # Of ten minutes, that takes the system a tenth of a second. Elsewhere than what is in use,
        # so that it cannot take what was found again meanwhile.
        self._background.start(partial(shutil.rmtree, away, ignore_errors=True), lambda _: None)

    # The processes.

    def _new_process(self, hear: Any, ended: Any) -> QProcess:
        process = QProcess(self)
        process.readyReadStandardOutput.connect(hear)
        process.readyReadStandardError.connect(lambda: self._keep_words(process))
        process.finished.connect(ended)

        def failed(error: QProcess.ProcessError) -> None:
            if error == QProcess.ProcessError.FailedToStart:
                # Told within `start`, before anybody can listen to a player that is being made.
                QTimer.singleShot(0, ended)

        process.errorOccurred.connect(failed)
        return process

    def _run(self, process: QProcess, command: tuple[str, ...]) -> None:
        process.start(command[0], list(command[1:]))

    def _start_playback(self) -> None:
        self._is_ready = False
        self._is_lost = False
        self._heard_of_at_seconds = time.monotonic()
        settings = json.dumps(asdict(self._settings))
        self._run(self._playback, (*self._commands[0], settings))

    def _stop_process(self, process: QProcess) -> None:
        """Ended by us, which is told to nobody."""
        process.blockSignals(True)
        if process is self._playback:
            self._is_ready = False
        if process.state() != QProcess.ProcessState.NotRunning:
            process.kill()
            process.waitForFinished(_CLOSE_MILLISECONDS)
        process.blockSignals(False)

    def _kill_if_hanging(self) -> None:
        is_running = self._playback.state() == QProcess.ProcessState.Running
        if is_running and time.monotonic() - self._heard_of_at_seconds > _SILENT_SECONDS:
            self._playback.kill()

    def _playback_ended(self) -> None:
        if self._is_closed:
            return
        self._is_ready = False
        if self._is_restarting:
            self._is_restarting = False
            self._start_playback()
            return
        if self._is_lost:
            self._stand_still()
            self._start_playback()
            return
        now = time.monotonic()
        self._crashes.append(now)
        if len(self._crashes) == _MOST_CRASHES and (
            now - self._crashes[0] < _CRASHES_WITHIN_SECONDS
        ):
            self._start = None
            self._stand_still()
            self.error.emit(
                self.tr(
                    "Playing has stopped: the process that plays ended several times. Choose "
                    "another audio device or a larger buffer, and play again."
                )
            )
            return
        self._resume_if_playing()
        self._start_playback()

    def _resume_if_playing(self) -> None:
        if self.is_playing and self._start is None:
            self._start = {"play": self.position_seconds}

    def _stand_still(self) -> None:
        self.latency_seconds = 0.0
        if self.is_playing:
            self.is_playing = False
            self.state.emit(False)

    def _keep_words(self, process: QProcess) -> None:
        words = bytes(process.readAllStandardError().data()).decode(errors="replace")
        self.last_words.extend(words.splitlines())

    def _lines(self, process: QProcess) -> list[dict[str, Any]]:
        said = []
        while process.canReadLine():
            line = bytes(process.readLine().data())
            try:
                said.append(json.loads(line))
            except ValueError:  # a library that prints
                self.last_words.append(line.decode(errors="replace").rstrip())
        return said

    def _hear_playback(self) -> None:
        for said in self._lines(self._playback):
            if self._is_restarting:
                continue
            self._heard_of_at_seconds = time.monotonic()
            if "ready" in said:
                self._take_ready(said["ready"], said["told"])
            elif "position" in said:
                self._take_position(said)
            elif "lost" in said:
                self._is_lost = True
                self.device_lost.emit(said["lost"])
            elif "refused" in said:
                self.error.emit(said["refused"])

    def _take_ready(self, ready: dict[str, Any], told: str) -> None:
        self.outputs = tuple(Output(**output) for output in ready["outputs"])
        self.output = ready["output"]
        if ready["rate_hz"] != self.rate_hz:
            self.rate_hz = ready["rate_hz"]
            self._ready.clear()
            self._asked = None
            self._prepare_all()
        self._is_ready = True
        self._tell_everything()
        if told and told != self._was_told:
            self.device_lost.emit(told)
        self._was_told = told
        if self.output is not None:
            self.device_found.emit()

    def _take_position(self, said: dict[str, Any]) -> None:
        self.latency_seconds = said["latency_seconds"]
        self.dropouts = said["dropouts"]
        if said["playing"] != self.is_playing:
            self.is_playing = said["playing"]
            self.state.emit(self.is_playing)
        if said["position"] != self.position_seconds:
            self.position_seconds = said["position"]
            self.position.emit(self.position_seconds)
        if said["heard"] != self.heard:
            self.heard = said["heard"]
            self.switched.emit(self.heard)
