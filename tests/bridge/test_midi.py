"""MIDI inputs that come and go, floods, bad bytes, and machines without MIDI."""

from __future__ import annotations

import time
from collections.abc import Iterator

import mido
import mido.sockets
import pytest
from bridge_parts import FakeMidi
from hypothesis import given
from hypothesis import strategies as st

from bridge import midi
from bridge.midi import MOST_WAITING, ClockInput, Heard, MidiInputs, RtMidi
from bridge.midi_clock import MidiClock
from bridge.midi_map import Action, Binding, Control, MidiControl, MidiMap


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_ports_appear_and_vanish(clock: Clock) -> None:
    system = FakeMidi("a")
    inputs = MidiInputs(system, clock)
    assert inputs.poll() == []
    assert inputs.names == ("a",)
    assert inputs.status == "Listening to MIDI: a."

    clock.now = 0.25
    system.received["a"](bytes([0x90, 60, 100]))
    clock.now = 0.5
    (heard,) = inputs.poll()
    assert (heard.at_seconds, heard.port, heard.message.note) == (0.25, "a", 60)

    system.names = ["b", "b"]
    system.closing_fails = True
    assert inputs.poll() == []
    assert inputs.names == ("a",)  # it looks once a second
    clock.now = 1.5
    inputs.poll()
    assert inputs.names == ("b",)
    system.names = []
    clock.now = 3
    inputs.poll()
    assert (inputs.names, inputs.status) == ((), "No MIDI input is connected.")


def test_a_port_in_use_is_tried_again(clock: Clock) -> None:
    system = FakeMidi("a", "b")
    system.refuses = {"a"}
    inputs = MidiInputs(system, clock)
    inputs.poll()
    assert inputs.names == ("b",)
    assert inputs.status == "The MIDI input a cannot be opened: busy"
    system.refuses = set()
    clock.now = midi.SCAN_SECONDS
    inputs.poll()
    assert inputs.names == ("b",)
    clock.now = midi.RETRY_SECONDS + 1
    inputs.poll()
    assert inputs.names == ("b", "a")
    assert "cannot" not in inputs.status


def test_no_midi_is_a_sentence_and_not_for_ever(clock: Clock) -> None:
    system = FakeMidi("a")
    inputs = MidiInputs(system, clock)
    inputs.poll()
    system.there = False
    clock.now = 2
    assert inputs.poll() == []
    assert (inputs.names, inputs.status) == ((), "There is no MIDI here.")
    system.there = True
    clock.now = 4
    inputs.poll()
    assert inputs.names == ("a",)


def test_a_linux_without_alsa_is_a_sentence(
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(midi, "_ALSA_SEQUENCER", tmp_path_factory.mktemp("dev") / "seq")
    inputs = MidiInputs(clock=clock)
    assert inputs.poll() == []
    assert inputs.status.startswith("This machine has no MIDI (")
    assert capfd.readouterr() == ("", "")


def test_jack_that_does_not_run_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no-such-server")
    system = RtMidi("jack")
    inputs = MidiInputs(system)
    assert inputs.poll() == []
    assert inputs.status.startswith(("MIDI does not answer", "No MIDI input"))


def test_a_flood_keeps_what_fits_and_counts_the_rest(clock: Clock) -> None:
    system = FakeMidi("a")
    inputs = MidiInputs(system, clock)
    inputs.poll()
    for _ in range(MOST_WAITING + 1_000):
        system.received["a"](b"\xf8")
    assert len(inputs.poll()) == MOST_WAITING
    assert inputs.dropped == 1_000
    assert inputs.poll() == []


@given(st.lists(st.binary(max_size=8), max_size=20))
def test_bytes_that_are_no_message_do_no_harm(packets: list[bytes]) -> None:
    system, clock = FakeMidi("a"), Clock()
    inputs = MidiInputs(system, clock)
    inputs.poll()
    midi_clock = MidiClock()
    clock_input = ClockInput(midi_clock)
    control = MidiControl(MidiMap((Binding(Control("cc14", 1), Action.BLEND),)))
    for packet in packets:
        system.received["a"](packet)
    heard = inputs.poll()
    assert len(heard) + inputs.damaged == sum(len(packet) <= 3 for packet in packets)
    for each in heard:
        clock_input.tell(each)
        for command in control.hear(each.at_seconds, each.port, each.message):
            assert command.value is None or 0 <= command.value <= 1
    midi_clock.reading(1)


# A clock among several ports ---------------------------------------------------------------------


def heard(at_seconds: float, port: str, kind: str, **values: int) -> Heard:
    return Heard(at_seconds, port, mido.Message(kind, **values))


def test_one_port_gives_the_clock_until_it_ceases() -> None:
    clock = MidiClock()
    follow = ClockInput(clock)
    follow.tell(heard(0, "a", "songpos", pos=16))
    follow.tell(heard(0, "a", "continue"))
    for k in range(49):
        follow.tell(heard(k / 48, "a", "clock"))  # 120
        follow.tell(heard(k / 48 + 0.001, "b", "clock"))
        follow.tell(heard(k / 48 + 0.001, "b", "note_on", note=1))
    follow.tell(heard(1.001, "b", "start"))
    reading = clock.reading(1)
    assert reading is not None
    assert reading.tempo_bpm == pytest.approx(120)
    assert reading.beat == pytest.approx(6)

    follow.tell(heard(3, "b", "stop"))
    assert follow.port == "a"
    follow.tell(heard(3, "b", "start"))
    assert follow.port == "b"
    for k in range(25):
        follow.tell(heard(3 + k / 24, "b", "clock"))  # 60
    reading = clock.reading(4)
    assert reading is not None
    assert reading.tempo_bpm == pytest.approx(60)
    assert reading.beat == pytest.approx(1)

    follow.ports_are(("a", "b"))
    assert follow.port == "b"
    follow.ports_are(("a",))
    assert follow.port is None
    assert clock.reading(4) is None


# Over a socket -----------------------------------------------------------------------------------


@pytest.fixture
def wire() -> Iterator[tuple[mido.sockets.SocketPort, mido.sockets.SocketPort]]:
    """A MIDI cable that needs no driver: what goes in at the second comes out at the first."""
    with (
        mido.sockets.PortServer("127.0.0.1", 0) as server,
        mido.sockets.connect(*server._socket.getsockname()) as sender,
        server.accept() as receiver,
    ):
        yield receiver, sender


def test_clock_and_control_come_over_a_real_wire(
    wire: tuple[mido.sockets.SocketPort, mido.sockets.SocketPort], clock: Clock
) -> None:
    receiver, sender = wire
    system = FakeMidi("wire")
    inputs = MidiInputs(system, clock)
    inputs.poll()
    sent = [mido.Message("songpos", pos=8), mido.Message("continue")]
    sent += [mido.Message("clock")] * 25
    sent += [mido.Message("control_change", control=7, value=127)]
    for message in sent:
        sender.send(message)
    arrived: list[mido.Message] = []
    give_up = time.monotonic() + 20
    while len(arrived) < len(sent) and time.monotonic() < give_up:
        message = receiver.poll()
        if message is None:
            time.sleep(0.001)
            continue
        if message.type == "clock":
            clock.now += 60 / 100 / 24
        arrived.append(message)
        system.received["wire"](bytes(message.bytes()))
    midi_clock = MidiClock()
    follow = ClockInput(midi_clock)
    control = MidiControl(MidiMap((Binding(Control("cc", 7), Action.KEEP),)))
    commands = []
    for each in inputs.poll():
        follow.tell(each)
        commands += control.hear(each.at_seconds, each.port, each.message)
    reading = midi_clock.reading(clock.now)
    assert reading is not None
    assert reading.tempo_bpm == pytest.approx(100)
    assert reading.beat == pytest.approx(3)
    assert [(c.action, c.value) for c in commands] == [(Action.KEEP, 1.0)]
