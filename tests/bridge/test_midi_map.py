"""Notes and controllers that do things: learned, kept, and no more than they should."""

from __future__ import annotations

import json
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.midi_map import (
    LARGEST_FILE_BYTES,
    LSB_SECONDS,
    SLIDERS,
    Action,
    Binding,
    Command,
    Control,
    MidiControl,
    MidiMap,
)
from jukebox_studio.errors import JukeboxError

CHANNELS = st.none() | st.integers(1, 16)
CONTROLS = st.one_of(
    st.builds(Control, st.sampled_from(["note", "cc"]), st.integers(0, 127), CHANNELS),
    st.builds(Control, st.just("cc14"), st.integers(0, 31), CHANNELS),
)
BINDINGS = st.builds(Binding, CONTROLS, st.sampled_from(list(Action)), st.none() | st.floats(0, 1))


def note(number: int, velocity: int = 100, channel: int = 1) -> mido.Message:
    return mido.Message("note_on", note=number, velocity=velocity, channel=channel - 1)


def cc(number: int, value: int, channel: int = 1) -> mido.Message:
    return mido.Message("control_change", control=number, value=value, channel=channel - 1)


def play(control: MidiControl, *messages: mido.Message, port: str = "a") -> list[Command]:
    return [
        command
        for k, message in enumerate(messages)
        for command in control.hear(k * 0.01, port, message)
    ]


def mapped(*bindings: Binding) -> MidiControl:
    return MidiControl(MidiMap(bindings))


# What messages do --------------------------------------------------------------------------------


def test_a_note_presses_once_and_its_end_does_nothing() -> None:
    control = mapped(Binding(Control("note", 60, 2), Action.CHOOSE_3))
    end = mido.Message("note_off", note=60, channel=1)
    assert play(control, note(60, channel=2), end, note(60, 0, 2)) == [Command(Action.CHOOSE_3)]
    assert play(control, note(60, channel=1), note(61, channel=2)) == []


def test_any_channel_means_each_of_them() -> None:
    control = mapped(Binding(Control("note", 60), Action.GENERATE))
    messages = [note(60, channel=channel) for channel in range(1, 17)]
    assert play(control, *messages) == [Command(Action.GENERATE)] * 16


def test_a_controller_presses_when_it_goes_up_through_the_middle() -> None:
    control = mapped(Binding(Control("cc", 64, 1), Action.AUDITION_PLAY))
    values = [0, 63, 64, 80, 127, 127, 60, 10, 127]
    assert len(play(control, *(cc(64, value) for value in values))) == 2


def test_a_controller_moves_a_slider() -> None:
    control = mapped(Binding(Control("cc", 1), Action.BLEND))
    values = [c.value for c in play(control, cc(1, 0), cc(1, 64), cc(1, 127))]
    assert values == [0, pytest.approx(64 / 127), 1]


def test_a_note_sets_a_slider_to_a_value_or_as_hard_as_it_is_struck() -> None:
    control = mapped(
        Binding(Control("note", 40), Action.RATE, value=0.8),
        Binding(Control("note", 41), Action.KEEP),
    )
    assert play(control, note(40), note(41, 127)) == [
        Command(Action.RATE, 0.8),
        Command(Action.KEEP, 1.0),
    ]


def test_fourteen_bits_are_put_together() -> None:
    control = mapped(Binding(Control("cc14", 1, 1), Action.BLEND))
    commands = play(control, cc(1, 127), cc(33, 127), cc(1, 64), cc(33, 0), cc(33, 1))
    # The first coarse half speaks for itself: no fine one was heard of yet.
    wanted = [1, 1, 64 * 128 / 16383, (64 * 128 + 1) / 16383]
    assert [command.value for command in commands] == pytest.approx(wanted)


def test_the_fine_half_alone_says_nothing() -> None:
    assert play(mapped(Binding(Control("cc14", 1), Action.BLEND)), cc(33, 5)) == []


# Learning ----------------------------------------------------------------------------------------


def test_the_next_control_is_learned_and_then_acts() -> None:
    control = MidiControl(learning=Action.GENERATE)
    end = mido.Message("note_off", note=36, channel=9)
    assert play(control, mido.Message("clock"), end) == []
    assert control.learning is Action.GENERATE
    assert play(control, note(36, channel=10)) == []
    assert control.learning is None
    assert control.map.bindings == (Binding(Control("note", 36, 10), Action.GENERATE),)
    assert play(control, note(36, channel=10)) == [Command(Action.GENERATE)]


def test_a_learned_button_that_is_still_down_is_not_pressed() -> None:
    control = MidiControl(learning=Action.CANCEL)
    assert play(control, cc(20, 127), cc(20, 127), cc(20, 0)) == []
    assert play(control, cc(20, 127)) == [Command(Action.CANCEL)]


def test_a_control_of_fourteen_bits_is_recognised() -> None:
    control = MidiControl(learning=Action.KEEP)
    play(control, cc(7, 10), cc(39, 3))
    assert control.map.bindings == (Binding(Control("cc14", 7, 1), Action.KEEP),)
    commands = play(control, cc(7, 127), cc(39, 127))
    assert commands[-1] == Command(Action.KEEP, 1.0)


@pytest.mark.parametrize(
    ("at_seconds", "port", "second"),
    [
        (2 * LSB_SECONDS, "a", cc(39, 3)),
        (0.01, "b", cc(39, 3)),
        (0.01, "a", cc(39, 3, channel=2)),
        (0.01, "a", cc(40, 3)),
        (0.01, "a", cc(7, 11)),
    ],
)
def test_what_is_no_fine_half_makes_no_fourteen_bits(
    at_seconds: float, port: str, second: mido.Message
) -> None:
    control = MidiControl(learning=Action.KEEP)
    control.hear(0, "a", cc(7, 10))
    control.hear(at_seconds, port, second)
    control.hear(at_seconds, "a", cc(39, 3))
    assert control.map.bindings == (Binding(Control("cc", 7, 1), Action.KEEP),)


def test_a_control_that_is_learned_again_loses_what_it_did() -> None:
    midi_map = MidiMap()
    midi_map = midi_map.with_binding(Binding(Control("cc14", 1), Action.BLEND))
    midi_map = midi_map.with_binding(Binding(Control("note", 33), Action.NEXT))
    midi_map = midi_map.with_binding(Binding(Control("cc", 33, 5), Action.KEEP))
    assert [b.action for b in midi_map.bindings] == [Action.NEXT, Action.KEEP]
    midi_map = midi_map.with_binding(Binding(Control("cc", 33, 6), Action.RATE))
    assert [b.action for b in midi_map.bindings] == [Action.NEXT, Action.KEEP, Action.RATE]
    assert [b.action for b in midi_map.without(Action.KEEP).bindings] == [Action.NEXT, Action.RATE]


# The file ----------------------------------------------------------------------------------------


@given(st.lists(BINDINGS, max_size=5).map(lambda bindings: MidiMap(tuple(bindings))))
def test_json_holds_all_of_it(midi_map: MidiMap) -> None:
    assert MidiMap.from_json(json.loads(json.dumps(midi_map.to_json()))) == midi_map


def test_a_map_is_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "midi.json"
    assert MidiMap.load(path) == MidiMap()
    midi_map = MidiMap((Binding(Control("cc14", 1, 3), Action.BLEND),))
    midi_map.save(path)
    assert MidiMap.load(path) == midi_map
    assert [file.name for file in tmp_path.iterdir()] == ["midi.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"version": 2, "bindings": []}',
        b'{"version":1,"bindings": [{"control": {"kind": "cc", "number": 128}, "action": "rate"}]}',
        b'{"version":1,"bindings": [{"control": {"kind": "cc14", "number": 40},"action": "rate"}]}',
        b'{"version":1,"bindings": [{"control": {"kind": "cc", "number": 1}, "action": "boom"}]}',
        b"[" * 100_000,
        b" " * (LARGEST_FILE_BYTES + 1),
    ],
)
def test_a_file_that_is_no_map_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "midi.json"
    path.write_bytes(content)
    with pytest.raises(JukeboxError):
        MidiMap.load(path)


@given(st.lists(BINDINGS, max_size=4), st.lists(st.tuples(*[st.integers(0, 127)] * 2)))
def test_only_sliders_have_values(bindings: list[Binding], moves: list[tuple[int, int]]) -> None:
    control = mapped(*bindings)
    for number, value in moves:
        for command in play(control, cc(number, value), note(number, value)):
            assert (command.value is not None) == (command.action in SLIDERS)
            assert command.value is None or 0 <= command.value <= 1
