"""MIDI inputs as they come and go, and what is heard on them.

Nothing here raises because of MIDI: no MIDI on the machine, a port that is pulled out or taken by
another program, bytes that are no message and floods of them end in a sentence,
`MidiInputs.status`, and in counts.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import mido

from bridge.midi_clock import TIMEOUT_SECONDS, MidiClock
from jukebox_studio.errors import JukeboxError

if TYPE_CHECKING:
    import rtmidi

_LOG = logging.getLogger(__name__)

CLIENT_NAME = "Jukebox Studio"
SCAN_SECONDS = 1.0
# A port that could not be opened: another program may let go of it.
RETRY_SECONDS = 10.0

MOST_WAITING = 8_192
"""Messages between two polls; older ones are dropped. Twenty seconds of the fastest clock."""
_LONGEST_MESSAGE_BYTES = 3  # without system exclusive, which nothing here reads

_ALSA_SEQUENCER = Path("/dev/snd/seq")


@dataclass(frozen=True)
class Heard:
    """A message, and when and where it came in."""

    at_seconds: float
    port: str
    message: mido.Message


class MidiSystem(Protocol):
    """The machine's MIDI. Both raise JukeboxError where there is none, or no such port."""

    def input_names(self) -> list[str]: ...

    def open_input(self, name: str, received: Callable[[bytes], None]) -> Callable[[], None]:
        """`received` is called from any thread, once per message; returns what closes the port."""


class RtMidi:
    """The machine's MIDI through RtMidi: ALSA, CoreMIDI, Windows, or JACK when asked for."""

    def __init__(self, api: Literal["default", "jack"] = "default") -> None:
        # Here, because it is native code: who has MIDI turned off loads none.
        import rtmidi

        self._rtmidi = rtmidi
        self._api: int = rtmidi.API_UNIX_JACK if api == "jack" else rtmidi.API_UNSPECIFIED
        if api == "default" and sys.platform == "linux":
            # RtMidi would go on to JACK, which asks a server that is not there on standard error.
            self._api = rtmidi.API_LINUX_ALSA
        self._lister: rtmidi.MidiIn | None = None

    def input_names(self) -> list[str]:
        if self._api == self._rtmidi.API_LINUX_ALSA and not _ALSA_SEQUENCER.exists():
            # ALSA's library would say so on standard error each time it is asked.
            raise JukeboxError(
                f"This machine has no MIDI ({_ALSA_SEQUENCER} is missing): "
                "MIDI clock and controllers are off."
            )
        try:
            # One for all scans: each would be a new client, which JACK lets others wait for.
            if self._lister is None:
                self._lister = self._client()
            return [str(name) for name in self._lister.get_ports()]
        except (self._rtmidi.RtMidiError, OSError) as error:
            self._lister = None
            raise JukeboxError(
                f"MIDI does not answer, so MIDI clock and controllers are off: {error}"
            ) from error

    def open_input(self, name: str, received: Callable[[bytes], None]) -> Callable[[], None]:
        try:
            port = self._client()
            port.ignore_types(sysex=True, timing=False, active_sense=True)
            port.open_port(port.get_ports().index(name), name="in")
            port.set_callback(lambda event, data: received(bytes(event[0])))
        except (self._rtmidi.RtMidiError, OSError, ValueError) as error:
            raise JukeboxError(f"The MIDI input {name} cannot be opened: {error}") from error

        def close() -> None:
            port.cancel_callback()
            port.close_port()
            port.delete()

        return close

    def _client(self) -> rtmidi.MidiIn:
        return self._rtmidi.MidiIn(self._api, name=CLIENT_NAME)


class MidiInputs:
    """Every MIDI input there is, opened when it appears and closed when it vanishes."""

    def __init__(
        self, system: MidiSystem | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """clock: what time it is when a message comes in. system: RtMidi where it is None."""
        self.status = ""
        """A sentence for the status bar."""
        self.damaged = 0
        """What came in and was no message of MIDI."""
        self.dropped = 0
        """Messages that came faster than they were polled."""
        self._system = system
        self._clock = clock
        self._waiting: deque[tuple[float, str, bytes]] = deque()
        self._closers: dict[str, Callable[[], None]] = {}
        self._refused: dict[str, tuple[float, str]] = {}
        self._next_scan_seconds: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs that are listened to."""
        return tuple(self._closers)

    def poll(self) -> list[Heard]:
        """What was heard since the last time; looks for new and vanished ports now and then."""
        now = self._clock()
        if self._next_scan_seconds is None or now >= self._next_scan_seconds:
            self._next_scan_seconds = now + SCAN_SECONDS
            self._scan(now)
        heard = []
        for _ in range(len(self._waiting)):  # what comes in meanwhile is for the next time
            at, port, data = self._waiting.popleft()
            try:
                heard.append(Heard(at, port, mido.Message.from_bytes(data)))
            except (ValueError, IndexError):
                self.damaged += 1
        return heard

    def close(self) -> None:
        for name in list(self._closers):
            self._close(name)

    def _scan(self, now: float) -> None:
        try:
            if self._system is None:
                self._system = RtMidi()
            there = list(dict.fromkeys(self._system.input_names()))
        except (JukeboxError, ImportError) as error:
            self.close()
            self._say(str(error))
            return
        for name in set(self._closers) - set(there):
            self._close(name)
        self._refused = {name: why for name, why in self._refused.items() if name in there}
        for name in there:
            if name not in self._closers and self._refused.get(name, (now, ""))[0] <= now:
                self._open(self._system, name, now)
        self._say(self._sentence())

    def _open(self, system: MidiSystem, name: str, now: float) -> None:
        def received(data: bytes) -> None:
            if len(data) > _LONGEST_MESSAGE_BYTES:
                return
            if len(self._waiting) >= MOST_WAITING:
                self.dropped += 1
                return
            self._waiting.append((self._clock(), name, data))

        try:
            self._closers[name] = system.open_input(name, received)
            self._refused.pop(name, None)
        except JukeboxError as error:
            self._refused[name] = (now + RETRY_SECONDS, str(error))

    def _close(self, name: str) -> None:
        closer = self._closers.pop(name)
        try:
            closer()
        except Exception as error:  # whatever a driver does about a device that is not there
            _LOG.info("MIDI input %s did not close: %s", name, error)

    def _sentence(self) -> str:
        if self._refused:
            return next(iter(self._refused.values()))[1]
        if not self._closers:
            return "No MIDI input is connected."
        return f"Listening to MIDI: {', '.join(self._closers)}."

    def _say(self, sentence: str) -> None:
        if sentence != self.status:
            self.status = sentence
            _LOG.info("%s", sentence)


class ClockInput:
    """Gives a `MidiClock` the messages of one port: several DAWs may send a clock at once."""

    def __init__(self, clock: MidiClock) -> None:
        self.port: str | None = None
        """The port that is followed: the first that ticks, until it ceases or vanishes."""
        self._clock = clock
        self._last_seconds = 0.0

    def tell(self, heard: Heard) -> None:
        """Take what is of the clock; the rest is not heeded."""
        kind = heard.message.type
        if kind not in _CLOCK_MESSAGES:
            return
        if heard.port != self.port:
            if self.port is not None:
                if heard.at_seconds - self._last_seconds <= TIMEOUT_SECONDS or kind == "stop":
                    return
                self._clock.gone()
            self.port = heard.port
        if kind == "clock":
            self._clock.tick(heard.at_seconds)
        elif kind == "start":
            self._clock.start()
        elif kind == "continue":
            self._clock.continue_()
        elif kind == "stop":
            self._clock.stop()
        else:
            self._clock.song_position(heard.message.pos)
        self._last_seconds = heard.at_seconds

    def ports_are(self, names: tuple[str, ...]) -> None:
        """Which inputs there are now, so that a clock whose port vanished is let go of."""
        if self.port is not None and self.port not in names:
            self.port = None
            self._clock.gone()


_CLOCK_MESSAGES = frozenset({"clock", "start", "continue", "stop", "songpos"})
