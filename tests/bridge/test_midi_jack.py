"""MIDI clocks of real programs, over JACK, whose periods are the jitter."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from real_programs import jack_server, needed, running

from bridge.midi import ClockInput, MidiInputs, RtMidi
from bridge.transport import Transport

pytestmark = pytest.mark.serial


class Listener:
    """What the program would know of the clock on one JACK server."""

    def __init__(self) -> None:
        self.inputs = MidiInputs(RtMidi("jack"))
        self.transport = Transport(("midi",))
        self.positions: list[int] = []
        self._clock = ClockInput(self.transport.midi)

    def listen(self, until: Callable[[], bool], seconds: float) -> list[float]:
        """The tempos that were shown with each tick, until something is so."""
        tempos = []
        give_up = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < give_up, self.inputs.status
            for heard in self.inputs.poll():
                self._clock.tell(heard)
                if heard.message.type == "songpos":
                    self.positions.append(heard.message.pos)
                reading = self.transport.midi.reading(heard.at_seconds)
                if heard.message.type == "clock" and reading is not None:
                    tempos.append(reading.tempo_bpm)
            self._clock.ports_are(self.inputs.names)
            self.transport.state(time.monotonic())
            time.sleep(0.005)
        return tempos

    def listen_for(self, seconds: float) -> list[float]:
        end = time.monotonic() + seconds
        return self.listen(lambda: time.monotonic() >= end, 2 * seconds)

    def playing(self) -> bool:
        return self.transport.state(time.monotonic()).playing


@pytest.fixture
def jack(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    needed("jackd", package="jackd2")
    with jack_server() as environment:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", environment["JACK_DEFAULT_SERVER"])
        yield environment


@contextmanager
def jack_transport() -> Iterator[Callable[[str], None]]:
    """JACK's transport, played by its commands."""
    process = subprocess.Popen(
        ["jack_transport"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def say(command: str) -> None:
        assert process.stdin is not None
        process.stdin.write(command + "\n")
        process.stdin.flush()
        time.sleep(0.2)

    try:
        yield say
    finally:
        process.kill()
        process.wait()


def test_jack_midi_clock_gives_tempo_and_place(jack: dict[str, str]) -> None:
    needed("jack_midi_clock", package="jack-midi-clock")
    listener = Listener()
    listener.listen_for(0.1)
    assert listener.inputs.names == ()
    with jack_transport() as say, running("jack_midi_clock", environment=dict(os.environ)):
        listener.listen(lambda: bool(listener.inputs.names), 10)
        say("master")
        say("tempo 133")
        say("locate 866165")  # 18.045 s: beat 40 of 133
        say("play")
        listener.listen(listener.playing, 20)
        listener.listen_for(5)
        tempos = listener.listen_for(15)
        assert sum(tempos) / len(tempos) == pytest.approx(133, rel=0.003)
        # It tells where the song will be when it continues, two seconds later, in sixteenths.
        continued = 40 + 2 * 133 / 60
        assert listener.positions[-1] == pytest.approx(4 * continued, abs=2)
        beat = listener.transport.state(time.monotonic()).beat
        assert beat == pytest.approx(continued + 20 * 133 / 60, abs=2)
        say("stop")
        listener.listen(lambda: not listener.playing(), 10)
        assert listener.transport.state(time.monotonic()).lost is None
    listener.listen(lambda: not listener.inputs.names, 10)
    assert listener.transport.state(time.monotonic()).source is None
    listener.inputs.close()
