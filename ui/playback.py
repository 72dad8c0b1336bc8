"""The process that plays: a device, a `Mixer`, and lines of JSON. No Qt, no torch.

`python -m ui.playback SETTINGS` reads commands from its input and ends with it; `ui.player` is the
other end. It is a process of its own because a Python thread beside a busy window or engine loses
sound without any flag (measured: docs/audition.md).

Commands, one a line, times in seconds of the project's timeline:

    {"sources": [{"id", "file", "start_seconds", "gain_db", "whole_seconds"}, ...],
     "before": the same or null, "after": the same or null}
    {"switch": id}  {"play": seconds or null}  {"play_at": [monotonic_seconds, seconds]}
    {"locate": seconds}  {"stop": true}  {"loop": [a, b] or null}
    {"matched": bool}  {"muted": bool}

Reports:

    {"ready": {"outputs": [{"name", "rate_hz", "is_default"}, ...], "output": name or null,
               "rate_hz": n}, "told": sentence or ""}
    {"position": seconds, "playing": bool, "heard": id, "dropouts": n, "latency_seconds": s}
    {"refused": sentence}   a command could not be done
    {"lost": sentence}      the device is gone; the process ends, to be started again

A device is held open only while something plays and a little longer: on many systems nobody else
could use it meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import mmap
import os
import queue
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jukebox_studio.errors import JukeboxError
from ui.mixer import Mixer, Playable, Samples
from ui.playback_link import Output, PlaybackSettings

USUAL_RATE_HZ = 48_000
TICK_SECONDS = 1 / 30
# Without a report for longer than several of these, the process may be taken to hang.
SIGN_OF_LIFE_SECONDS = 1.0
# A device that has not asked for sound for so long is gone; some go without a word.
SILENT_DEVICE_SECONDS = 2.0
# How long a stopped player keeps its device from others.
KEEP_OPEN_SECONDS = 30.0
# Some systems lose the first blocks of a device that has just been opened, besides its latency.
SETTLE_SECONDS = 0.1
# A start is handed to the mixer so shortly before, when the clock of the device is known best.
HAND_OVER_SECONDS = 0.15
LOOK_AGAIN_SECONDS = 2.0
LOST_EXIT_CODE = 3
# Maps of replaced sources are dropped after this time, not in the thread that plays.
_KEPT_SECONDS = 2.0
# Below what audio servers and JACK use.
_REAL_TIME_PRIORITY = 5
_MOST_SPINNING_MICROSECONDS = 3_000_000


Fill = Callable[[Samples, float, bool], None]
"""Fill [T, C] with what comes next, heard that many seconds from now; whether sound was dropped
before it. Called in the device's thread."""


class Stream(Protocol):
    """A device that is playing."""

    @property
    def latency_seconds(self) -> float: ...

    @property
    def is_alive(self) -> bool: ...

    def close(self) -> None: ...


class Devices(Protocol):
    """Where sound can go: PortAudio, or what stands in for it in tests."""

    def outputs(self) -> list[Output]:
        """All there are now. Called only while no stream is open."""
        ...

    def open(
        self, output: Output, rate_hz: int, settings: PlaybackSettings, fill: Fill
    ) -> Stream: ...


class PortAudio:
    """The devices of this computer."""

    def __init__(self) -> None:
        self._is_known = False

    def outputs(self) -> list[Output]:
        try:
            import sounddevice
        except OSError as error:
            raise JukeboxError(
                "Sound needs the library PortAudio, which is missing; install it (Debian's "
                "package libportaudio2) and start again."
            ) from error
        try:
            if self._is_known:
                # PortAudio looks for devices only when it starts.
                sounddevice._terminate()
                sounddevice._initialize()
            self._is_known = True
            default = sounddevice.default.device[1]
            return [
                Output(device["name"], round(device["default_samplerate"]), index == default)
                for index, device in enumerate(sounddevice.query_devices())
                if device["max_output_channels"] > 0
            ]
        except sounddevice.PortAudioError:
            return []

    def open(self, output: Output, rate_hz: int, settings: PlaybackSettings, fill: Fill) -> Stream:
        import sounddevice

        def callback(out: Samples, _: int, times: Any, status: Any) -> None:
            fill(out, times.outputBufferDacTime - times.currentTime, bool(status.output_underflow))

        try:
            # By index: several devices may share a name, of which the first is meant.
            index, channels = next(
                (index, min(2, device["max_output_channels"]))
                for index, device in enumerate(sounddevice.query_devices())
                if device["name"] == output.name and device["max_output_channels"] > 0
            )
            stream = sounddevice.OutputStream(
                samplerate=rate_hz,
                blocksize=settings.block_samples or 0,
                device=index,
                channels=channels,
                dtype="float32",
                latency=settings.latency_seconds,
                clip_off=True,
                dither_off=True,
                callback=callback,
            )
            stream.start()
        except (sounddevice.PortAudioError, StopIteration) as error:
            raise JukeboxError(
                f"The audio device “{output.name}” cannot be opened at {rate_hz:,} Hz ({error}). "
                "Another program may be using it: close that, or choose another device."
            ) from error
        return _PortAudioStream(stream)


class _PortAudioStream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def latency_seconds(self) -> float:
        return float(self._stream.latency)

    @property
    def is_alive(self) -> bool:
        return bool(self._stream.active)

    def close(self) -> None:
        self._stream.close(ignore_errors=True)


@dataclass(frozen=True)
class _Block:
    """A block of sound that the device asked for."""

    heard_at_seconds: float
    """When its first sample is heard, in seconds of time.monotonic()."""
    first_sample: int
    """Counted as Mixer.rendered_samples."""
    position_samples: int
    is_playing: bool


def map_playable(file: Path) -> Samples:
    """[T, 2] of a prepared file, whose pages the system has been asked to fetch."""
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_size == 0:  # which cannot be mapped
            return np.zeros((0, 2), np.float32)
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    if sys.platform != "win32":
        mapped.madvise(mmap.MADV_WILLNEED)
    samples: Samples = np.frombuffer(mapped, "<f4").reshape(-1, 2)
    return samples


class Playback:
    """Does what commands say and reports; `run` is the process.

    The thread that calls `run` owns everything but the mixer, which belongs to the device's
    thread while a stream is open.
    """

    def __init__(
        self,
        devices: Devices,
        settings: PlaybackSettings,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._devices = devices
        self._settings = settings
        self._report = report
        self._output: Output | None = None
        self._mixer = Mixer(settings.rate_hz or USUAL_RATE_HZ)
        self._stream: Stream | None = None
        self._blocks: deque[_Block] = deque(maxlen=64)
        self._dropouts = 0
        self._asked_at_seconds = 0.0
        self._played_at_seconds = -math.inf
        self._looked_at_seconds = -math.inf
        self._reported_at_seconds = -math.inf
        self._reported: dict[str, Any] = {}
        self._start: tuple[float, float] | None = None
        """(monotonic seconds, seconds of the timeline) of a start that is not handed over yet."""
        self._playables: dict[tuple[Any, ...], Playable] = {}
        self._kept: deque[tuple[float, dict[tuple[Any, ...], Playable]]] = deque()

    def run(self, lines: Iterable[str]) -> None:
        """Until the lines end; raises SystemExit where the device is lost."""
        commands: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def read() -> None:
            for line in lines:
                commands.put(line)
            commands.put(None)

        self._look_for_outputs()
        threading.Thread(target=read, daemon=True).start()
        while True:
            line: str | None = ""
            try:
                line = commands.get(timeout=TICK_SECONDS)
            except queue.Empty:
                self._tick()
            if line is None:
                break
            if line:
                try:
                    self.do(json.loads(line))
                except JukeboxError as error:
                    self._report({"refused": str(error)})
        self._close()

    def do(self, command: dict[str, Any]) -> None:
        """One command. Raises JukeboxError where it cannot be done."""
        mixer = self._mixer
        for what, value in command.items():
            match what:
                case "sources":
                    self._load(value, command.get("before"), command.get("after"))
                case "before" | "after":
                    pass
                case "switch":
                    mixer.post(None, mixer.switch, value)
                case "play":
                    self._start = None
                    self._open()
                    at_samples = None if value is None else self._samples(value)
                    mixer.post(None, mixer.play, at_samples)
                case "play_at":
                    self._open()
                    self._start = (float(value[0]), float(value[1]))
                case "locate":
                    mixer.post(None, mixer.locate, self._samples(value))
                case "stop":
                    self._start = None
                    mixer.post(None, mixer.stop)
                case "loop":
                    loop = None if value is None else tuple(self._samples(end) for end in value)
                    mixer.post(None, mixer.set_loop, loop)
                case "matched":
                    mixer.post(None, mixer.set_matched, bool(value))
                case "muted":
                    mixer.post(None, mixer.set_muted, bool(value))
                case _:
                    raise JukeboxError(f"The player knows no command “{what}”.")
        if self._stream is None:
            mixer.render(0)  # nobody else takes what was posted

    def _samples(self, seconds: float) -> int:
        return round(float(seconds) * self._mixer.rate_hz)

    def _load(
        self,
        sources: list[dict[str, Any]],
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
    ) -> None:
        known, self._playables = self._playables, {}
        self._kept.append((time.monotonic(), known))

        def playable(told: dict[str, Any]) -> Playable:
            # What was told before in the same words is the same object, and plays on untouched.
            key = tuple(told[name] for name in ("file", "start_seconds", "gain_db"))
            key += (told["whole_seconds"],)
            found = self._playables.get(key) or known.get(key)
            if found is None:
                found = Playable(
                    map_playable(Path(told["file"])),
                    self._samples(told["start_seconds"]),
                    10.0 ** (told["gain_db"] / 20),
                    self._samples(told["whole_seconds"]),
                )
            self._playables[key] = found
            return found

        try:
            loaded = {told["id"]: playable(told) for told in sources}
            around = [None if told is None else playable(told) for told in (before, after)]
        except (OSError, ValueError) as error:
            raise JukeboxError(
                f"What was made ready for playing cannot be read ({error}); choose the clip again."
            ) from error
        self._mixer.post(None, self._mixer.set_sources, loaded, *around)

    def _look_for_outputs(self) -> None:
        """Choose a device, and say which there are."""
        self._looked_at_seconds = time.monotonic()
        told = ""
        try:
            outputs = self._devices.outputs()
        except JukeboxError as error:
            outputs, told = [], str(error)
        default = next((output for output in outputs if output.is_default), None)
        default = default or next(iter(outputs), None)
        wanted = next((output for output in outputs if output.name == self._settings.output), None)
        chosen = wanted or default
        if chosen is None:
            told = told or (
                "This computer has no audio device to play through. Connect one and it is used; "
                "everything but playing works without."
            )
        elif wanted is None and self._settings.output is not None:
            told = (
                f"The audio device “{self._settings.output}” is not there; “{chosen.name}” plays."
            )
        self._output = chosen
        rate_hz = self._settings.rate_hz or (chosen.rate_hz if chosen else USUAL_RATE_HZ)
        if rate_hz != self._mixer.rate_hz:
            self._mixer = Mixer(rate_hz)
            self._playables = {}
        ready = {
            "outputs": [asdict(output) for output in outputs],
            "output": chosen.name if chosen else None,
            "rate_hz": rate_hz,
        }
        self._report({"ready": ready, "told": told})

    def _open(self) -> None:
        if self._stream is not None:
            return
        if self._output is None:
            raise JukeboxError(
                "Nothing can be played: this computer has no audio device. Connect one and it is "
                "used."
            )
        self._blocks.clear()
        self._asked_at_seconds = self._played_at_seconds = time.monotonic()
        self._stream = self._devices.open(
            self._output, self._mixer.rate_hz, self._settings, self._fill
        )
        time.sleep(self._stream.latency_seconds + SETTLE_SECONDS)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _fill(self, out: Samples, ahead_seconds: float, is_dropped: bool) -> None:
        """Called by the device."""
        mixer = self._mixer
        now = time.monotonic()
        self._asked_at_seconds = now
        self._dropouts += is_dropped
        # Some systems do not know; then the stream's own latency has to do.
        if not 0 < ahead_seconds < 10:
            ahead_seconds = self._stream.latency_seconds if self._stream is not None else 0.0
        first_sample = mixer.rendered_samples
        sound = mixer.render(len(out))
        out[:] = sound if out.shape[1] == 2 else sound.mean(axis=1, keepdims=True)
        # Written after rendering, so that what was posted counts; the position is the block's first
        # unless the playhead has jumped in it.
        position = mixer.position_samples - (len(out) if mixer.is_playing else 0)
        self._blocks.append(_Block(now + ahead_seconds, first_sample, position, mixer.is_playing))

    def _tick(self) -> None:
        now = time.monotonic()
        while self._kept and now - self._kept[0][0] > _KEPT_SECONDS:
            self._kept.popleft()
        if self._stream is not None:
            is_asked = now - self._asked_at_seconds < SILENT_DEVICE_SECONDS
            if not (self._stream.is_alive and is_asked):
                self._lose_device()
            if self._mixer.is_playing or self._start is not None:
                self._played_at_seconds = now
            elif now - self._played_at_seconds > KEEP_OPEN_SECONDS:
                self._close()
        elif self._output is None and now - self._looked_at_seconds > LOOK_AGAIN_SECONDS:
            self._look_again()
        self._hand_over_start(now)
        self._report_position(now)

    def _look_again(self) -> None:
        """Quietly, until there is a device."""
        self._looked_at_seconds = time.monotonic()
        try:
            found = self._devices.outputs()
        except JukeboxError:
            return
        if found:
            self._look_for_outputs()

    def _lose_device(self) -> None:
        name = self._output.name if self._output is not None else ""
        self._report(
            {
                "lost": f"The audio device “{name}” is gone, so playing has stopped. "
                "Connect it again or choose another one, and play on."
            }
        )
        # Closing a device that is gone may never return.
        raise SystemExit(LOST_EXIT_CODE)

    def _hand_over_start(self, now: float) -> None:
        if self._start is None or not self._blocks:
            return
        at_seconds, position_seconds = self._start
        latency = self._stream.latency_seconds if self._stream is not None else 0.0
        if at_seconds - now > HAND_OVER_SECONDS + latency:
            return
        mixer = self._mixer
        at_samples = round((at_seconds - self._first_sample_at_seconds()) * mixer.rate_hz)
        mixer.post(
            at_samples - mixer.fade_samples,
            mixer.play_at,
            at_samples,
            self._samples(position_seconds),
        )
        self._start = None

    def _first_sample_at_seconds(self) -> float:
        """When sample 0 of all that was rendered was heard, by the clock of the device.

        The median: a single block tells the time of its making with the jitter of a busy system.
        """
        rate_hz = self._mixer.rate_hz
        blocks = tuple(self._blocks)
        return statistics.median(b.heard_at_seconds - b.first_sample / rate_hz for b in blocks)

    def _heard_position_samples(self, now: float) -> float:
        """What is heard now was rendered a while ago; before the first of it is heard, that."""
        blocks = [block for block in tuple(self._blocks) if block.is_playing]
        if not blocks:
            return self._mixer.position_samples
        heard_samples = (now - self._first_sample_at_seconds()) * self._mixer.rate_hz
        heard = [block for block in blocks if block.first_sample <= heard_samples]
        if not heard:
            return blocks[0].position_samples
        return heard[-1].position_samples + heard_samples - heard[-1].first_sample

    def _report_position(self, now: float) -> None:
        mixer = self._mixer
        is_playing = mixer.is_playing or self._start is not None
        position = mixer.position_samples / mixer.rate_hz
        if mixer.is_playing and self._stream is not None:
            position = self._heard_position_samples(now) / mixer.rate_hz
        said = {
            "position": round(max(0.0, position), 6),
            "playing": is_playing,
            "heard": mixer.heard_id,
            "dropouts": self._dropouts,
            "latency_seconds": self._stream.latency_seconds if self._stream is not None else 0.0,
        }
        if said != self._reported or now - self._reported_at_seconds > SIGN_OF_LIFE_SECONDS:
            self._reported, self._reported_at_seconds = said, now
            self._report(said)


def _go_first() -> None:
    """Before all that has no deadline, as far as the system allows; it may not."""
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.HIGH_PRIORITY_CLASS)
        return
    if sys.platform == "linux":
        import resource

        # Should this ever spin, it is ended instead of holding a processor for ever.
        resource.setrlimit(resource.RLIMIT_RTTIME, (_MOST_SPINNING_MICROSECONDS,) * 2)
        with contextlib.suppress(OSError):
            # The threads that follow inherit it, the device's too.
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REAL_TIME_PRIORITY))
            return
    with contextlib.suppress(OSError):
        os.nice(-11)


def main(devices: Devices, arguments: list[str]) -> None:
    """The process: settings as JSON in the first argument, then commands on the input."""
    _go_first()
    # A collection may take longer than a block. What is made here is freed without one.
    gc.disable()
    # The device's thread waits at most this long for the one that reads commands.
    sys.setswitchinterval(0.0005)

    def report(said: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    try:
        Playback(devices, PlaybackSettings(**json.loads(arguments[0])), report).run(sys.stdin)
        code = 0
    except SystemExit as ending:
        code = int(ending.code or 0)
    # At once: tidying up would close the device, and one that is gone may never answer.
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main(PortAudio(), sys.argv[1:])
