"""MIDI clocks of real programs, over JACK, whose periods are the jitter."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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


# Ardour without a screen -------------------------------------------------------------------------

ARDOUR = Path("/usr/lib/ardour7")
STARTS = 8
SESSION = """
local session = create_session("FOLDER", "clock", 48000)
local map = Temporal.TempoMap.write_copy()
map:set_tempo(Temporal.Tempo(133, 133, 4), Temporal.timepos_t(0))
Temporal.TempoMap.update(map)
map = nil
session:save_state("")
close_session()
quit()
"""
CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <Config>
    <Option name="send-midi-clock" value="1"/>
    <Option name="osc-port" value="PORT"/>
  </Config>
  <ControlProtocols>
    <Protocol name="Open Sound Control (OSC)" active="1" remote-port="8000"/>
  </ControlProtocols>
</Ardour>
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def send_osc(port: int, address: str, *values: int) -> None:
    def text(content: str) -> bytes:
        return content.encode() + bytes(4 - len(content) % 4)

    packet = text(address) + text("," + "i" * len(values))
    packet += b"".join(struct.pack(">i", value) for value in values)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(packet, ("127.0.0.1", port))


@contextmanager
def started_ardour(command: tuple[str, ...], environment: dict[str, str]) -> Iterator[None]:
    """Ardour with its ports, in as many tries as it takes.

    Its threads speak to JACK all at once, and where they collide, jackd 1.9.21 loses its place in
    their messages ("Unknown request") and drops Ardour, a second after its ports appeared. That
    happens at up to every other start, less often on one processor and beside no other client.
    """
    needed("taskset", package="util-linux")
    processors = sorted(os.sched_getaffinity(0))
    pinned = ("taskset", "-c", str(processors[0]), *command)
    freed = ("taskset", "-a", "-c", "-p", ",".join(map(str, processors)))
    for _ in range(STARTS):
        with running(*pinned, environment=environment) as ardour:
            give_up = time.monotonic() + 60
            while not has_clock(environment) and time.monotonic() < give_up:
                time.sleep(0.5)
            time.sleep(3)
            if has_clock(environment):
                subprocess.run([*freed, str(ardour.pid)], check=True, capture_output=True)
                yield
                return
    pytest.fail(f"JACK dropped Ardour {STARTS} times")


def has_clock(environment: dict[str, str]) -> bool:
    look = subprocess.run(["jack_lsp"], env=environment, capture_output=True, check=False)
    return b"Clock" in look.stdout


@pytest.mark.daw
def test_the_clock_of_ardour_7_3(jack: dict[str, str], tmp_path: Path) -> None:
    needed("ardour7-lua", package="ardour")
    programs = sorted(ARDOUR.glob("hardour-7.3*"))
    if not programs:
        pytest.skip("this is not Ardour 7.3")
    osc_port = free_port()
    folder = tmp_path / ".config" / "ardour7"
    folder.mkdir(parents=True)
    (folder / ".a7").touch()
    (folder / "config").write_text(CONFIGURATION.replace("PORT", str(osc_port)), encoding="utf-8")
    script = tmp_path / "session.lua"
    script.write_text(SESSION.replace("FOLDER", str(tmp_path / "clock")), encoding="utf-8")
    environment = jack | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / ".config"),
        "ARDOUR_DATA_PATH": "/usr/share/ardour7",
        "ARDOUR_CONFIG_PATH": "/etc/ardour7",
        "ARDOUR_DLL_PATH": str(ARDOUR),
        "LD_LIBRARY_PATH": str(ARDOUR),
    }
    with running("ardour7-lua", str(script), environment=environment) as maker:
        maker.wait(60)

    listener = Listener()
    listener.transport.midi.sent_by("Ardour", programs[0].name.removeprefix("hardour-"))
    hardour = (str(programs[0]), str(tmp_path / "clock"), "clock")
    with started_ardour(hardour, environment):
        listener.listen(lambda: any("Clock" in name for name in listener.inputs.names), 60)
        # Its OSC comes up some time after its ports, and says nothing about it; and where JACK does
        # not wait for Ardour as it begins to roll, the Start is lost.
        give_up = time.monotonic() + 60
        while not listener.playing() and time.monotonic() < give_up:
            send_osc(osc_port, "/transport_stop")
            listener.listen_for(1)
            send_osc(osc_port, "/transport_play")
            listener.listen_for(3)
        listener.listen_for(5)
        tempos = listener.listen_for(15)
        assert sum(tempos) / len(tempos) == pytest.approx(133, rel=0.003)

        send_osc(osc_port, "/transport_stop")
        listener.listen(lambda: not listener.playing(), 10)
        send_osc(osc_port, "/locate", 866_165, 0)  # beat 40
        listener.listen_for(2)
        send_osc(osc_port, "/transport_play")
        listener.listen(listener.playing, 10)
        # What it sends is six times too large: ticks, where sixteenths are asked for.
        assert listener.positions[-1] == pytest.approx(40 * 24, abs=24)
        beat = listener.transport.state(time.monotonic()).beat
        assert beat == pytest.approx(40, abs=2)
    listener.inputs.close()
