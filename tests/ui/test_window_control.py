"""The window's widgets moved from outside: by OSC datagrams, and by MIDI that was learned."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mido
import pytest
from bridge_parts import FakeMidi, clip_of, write_sound
from hand_engine import HandEngine
from PyQt6 import sip
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from pytestqt.qtbot import QtBot
from ui_parts import WAIT_MS, NotedPlayer, add_clip, render

from bridge.clip_message import clip_to_values
from bridge.conversation import Heard
from bridge.datagram import build
from bridge.midi_map import Action, MidiMap
from bridge.osc import Client
from bridge.protocol import MESSAGES
from bridge.token import load_token
from jukebox_studio.style import Part, Style, StylePoint
from ui.daw_link import DawLink
from ui.midi_page import MidiPage
from ui.shared import SOURCE_LANE, variant_lane_id
from ui.window import MainWindow


@dataclass
class Desk:
    """A controller on the real bridge, with all it heard."""

    window: MainWindow
    client: Client
    qtbot: QtBot
    heard: list[Heard] = field(default_factory=list)

    def send(self, name: str, until: Callable[[], bool], **values: Any) -> None:
        """A message that is acknowledged, and what it is to bring about."""
        self.client.send(name, values)
        self.client.wait()
        self.qtbot.waitUntil(until, timeout=WAIT_MS)


@pytest.fixture
def desk(
    window: MainWindow,
    daw: DawLink,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    monkeypatch.setenv("HOME", str(tmp_path))  # messages may name files in it
    daw.start_bridge(tmp_path / "bridge", port=0)
    assert daw.bridge is not None
    token = load_token(tmp_path / "bridge" / "bridge-token")
    heard: list[Heard] = []
    with Client(token, daw.bridge.port, on_heard=heard.append) as client:
        client.hello("", "")
        yield Desk(window, client, qtbot, heard)


def blended(window: MainWindow) -> None:
    """Restyle, between two artists."""
    panel = window.request_panel
    style = Style((StylePoint(0.0, (Part("ada", 1.0), Part("bo", 1.0))),))
    panel.set_draft(replace(panel.draft(), kind="restyle", style=style))
    panel.changed.emit()


def weights(window: MainWindow) -> dict[str, float]:
    return {p.name: p.weight for p in window.request_panel.draft().style.points[0].artists}


def undo(window: MainWindow) -> None:
    window.shortcuts.actions["undo"].trigger()


def test_every_action_over_osc_moves_the_window(
    desk: Desk, engine: HandEngine, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    window, panel = desk.window, desk.window.request_panel
    add_clip(window, tmp_path, qtbot)
    first, second = render(window, engine, qtbot)
    blended(window)

    desk.send("choose", lambda: window.audition.heard == variant_lane_id(second),
              job="", variant=2)  # fmt: skip
    assert window.history.selected == [second]
    assert window.transport.lane_buttons[variant_lane_id(second)].isChecked()
    assert window.project is not None
    session = window.project.session
    desk.send("rate", lambda: session.variant(second).rating == 4, job="", variant=2, stars=4)
    desk.send("audition", lambda: player.is_playing, job="", variant=1, playing=True)
    assert window.audition.heard == variant_lane_id(first)
    desk.send("audition", lambda: not player.is_playing, job="", variant=1, playing=False)
    desk.send("keep", lambda: panel.keep.value() == 0.75, amount=0.75)
    assert panel.keep.slider.value() == 750
    assert panel.draft().keep_restyle == 0.75
    slider = panel.style_pad.artists.slider
    desk.send("blend", lambda: slider.value() == 20, position=0.2)
    assert weights(window) == {"ada": 0.8, "bo": 0.2}

    desk.send("generate", lambda: not engine.begun.empty(), clip="", operation="",
              length_bars=0.0, variants=3, seed=-1)  # fmt: skip
    request, _, _ = engine.begun.get()
    assert request["operation"] == {"kind": "restyle", "keep": 0.75}
    assert request["variants"] == panel.variants.value() == 3
    desk.send("cancel", lambda: not window.queue_panel.model.rows, job="")
    assert "cancel" in engine.told


def test_a_clip_that_was_sent_is_selected(desk: Desk, tmp_path: Path, qtbot: QtBot) -> None:
    clip = clip_of(write_sound(tmp_path / "take.wav"))
    for name in ("one", "two"):
        desk.client.send("clip", clip_to_values(name, replace(clip, name=name)))
        desk.client.wait()
        qtbot.waitUntil(lambda n=name: desk.window.tool_row.working_on.text() == n, timeout=WAIT_MS)
    desk.send("select", lambda: desk.window.tool_row.working_on.text() == "one", clip="one")
    assert desk.window.inbox.current == desk.window.clip_id == 1


def test_a_region_that_is_sent_again_is_turned_to(desk: Desk, tmp_path: Path, qtbot: QtBot) -> None:
    clip = clip_of(write_sound(tmp_path / "take.wav"))
    sent = {"one": replace(clip, name="strophe"), "two": replace(clip, name="chorus")}
    working_on = desk.window.tool_row.working_on
    for number, name in enumerate(("one", "two", "one")):
        # A script calls what it sends by a new name each time.
        desk.client.send("clip", clip_to_values(f"region-{number}", sent[name]))
        desk.client.wait()
        said = sent[name].name
        qtbot.waitUntil(lambda said=said: working_on.text() == said, timeout=WAIT_MS)
    assert [row.name for row in desk.window.inbox.model.rows] == ["chorus", "strophe"]
    assert any("again" in message.text for message in desk.window.messages.messages)


def test_what_cannot_be_meant_is_answered_and_changes_nothing(
    desk: Desk, tmp_path: Path, qtbot: QtBot
) -> None:
    window = desk.window
    add_clip(window, tmp_path, qtbot)
    before = window.request_panel.draft()
    # A continuation keeps nothing, and there is no variant yet.
    desk.send("keep", lambda: True, amount=0.5)
    desk.send("blend", lambda: True, position=0.5)
    desk.send("choose", lambda: True, job="", variant=3)
    desk.send("audition", lambda: True, job="", variant=1, playing=True)
    assert window.request_panel.draft() == before
    assert window.audition.heard == SOURCE_LANE
    assert not window.player.is_playing


def test_a_sweep_of_datagrams_is_one_step_of_undo(
    desk: Desk, daw: DawLink, tmp_path: Path, qtbot: QtBot
) -> None:
    """As a knob sends them: with sequence 0, one by one, from a plain socket."""
    window, panel = desk.window, desk.window.request_panel
    blended(window)
    window.undo.begin()
    start = panel.keep.value()
    assert daw.bridge is not None
    token = load_token(tmp_path / "bridge" / "bridge-token")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knob:
        knob.connect(("127.0.0.1", daw.bridge.port))
        for percent in range(101):
            values = {"token": token, "sender": "knob-1", "sequence": 0, "amount": percent / 100}
            knob.send(build(MESSAGES["keep"], values))
        # Somebody else's, without the token, does nothing.
        knob.send(build(MESSAGES["keep"], values | {"token": "0" * 64, "amount": 0.33}))
    qtbot.waitUntil(lambda: panel.keep.value() == 1.0, timeout=WAIT_MS)
    desk.send("blend", lambda: weights(window) == {"ada": 0.1, "bo": 0.9}, position=0.9)
    assert window.shortcuts.actions["undo"].text() == "Undo: Style"
    undo(window)
    assert weights(window) == {"ada": 1.0, "bo": 1.0}
    assert window.shortcuts.actions["undo"].text() == "Undo: Keep"
    undo(window)
    assert panel.keep.value() == panel.keep.slider.value() / 1000 == start
    window.shortcuts.actions["redo"].trigger()
    assert panel.keep.value() == 1.0


@pytest.fixture
def midi() -> FakeMidi:
    return FakeMidi("Knobs")


class Keys:
    """What is played on a port."""

    def __init__(self, midi: FakeMidi, daw: DawLink) -> None:
        self._midi, self._daw = midi, daw

    def play(self, *messages: mido.Message) -> None:
        for message in messages:
            self._midi.received["Knobs"](bytes(message.bytes()))
        self._daw._poll()

    def knob(self, number: int, *values: int) -> None:
        self.play(*(mido.Message("control_change", control=number, value=v) for v in values))

    def note(self, number: int) -> None:
        self.play(mido.Message("note_on", note=number, velocity=100),
                  mido.Message("note_off", note=number))  # fmt: skip


@pytest.fixture
def keys(window: MainWindow, daw: DawLink, midi: FakeMidi) -> Keys:
    daw.set_midi(True, midi)
    daw._poll()
    return Keys(midi, daw)


def choose(page: MidiPage, action: Action) -> None:
    page.tree.setCurrentItem(page.tree.topLevelItem(list(Action).index(action)))


def shown(page: MidiPage, action: Action) -> str:
    item = page.tree.topLevelItem(list(Action).index(action))
    assert item is not None
    return item.text(1)


def test_controls_are_learned_on_the_page_and_then_move_the_window(
    window: MainWindow,
    keys: Keys,
    engine: HandEngine,
    player: NotedPlayer,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    add_clip(window, tmp_path, qtbot)
    first, second = render(window, engine, qtbot)
    window.pages.show_settings()
    assert window.pages.settings is not None
    page = window.pages.settings.findChild(MidiPage)
    assert page is not None
    window.pages.settings.tabs.setCurrentWidget(page)
    for number, action in enumerate(Action):
        choose(page, action)
        qtbot.mouseClick(page.learn, Qt.MouseButton.LeftButton)
        assert shown(page, action) == "waiting …"
        assert page.sentence.text().startswith("Play a note or move a controller for")
        if action in (Action.KEEP, Action.BLEND, Action.RATE):
            keys.knob(70 + number, 1)
        else:
            keys.note(40 + number)
        assert not page.learn.isChecked()
        assert str(number + 40) in shown(page, action) or str(number + 70) in shown(page, action)
    assert engine.begun.empty()  # learning does nothing else
    window.pages.settings.reject()

    numbers = {action: number for number, action in enumerate(Action)}

    def note(action: Action) -> None:
        keys.note(40 + numbers[action])

    def knob(action: Action, *values: int) -> None:
        keys.knob(70 + numbers[action], *values)

    note(Action.CHOOSE_2)
    assert window.audition.heard == variant_lane_id(second)
    note(Action.PREVIOUS)
    assert window.audition.heard == variant_lane_id(first)
    note(Action.NEXT)
    note(Action.NEXT)  # there is none: it stays
    assert window.audition.heard == variant_lane_id(second)
    note(Action.AUDITION_PLAY)
    note(Action.AUDITION_PLAY)
    assert player.is_playing
    note(Action.AUDITION_STOP)
    assert not player.is_playing

    assert window.project is not None
    session = window.project.session
    for value in (20, 60, 100, 127):
        knob(Action.RATE, value)
    qtbot.waitUntil(lambda: session.variant(second).rating == 5, timeout=WAIT_MS)
    undo(window)
    assert session.variant(second).rating == 0  # one step, whatever it passed

    blended(window)
    knob(Action.KEEP, *range(128))
    knob(Action.KEEP, 100, 64)
    assert window.request_panel.keep.value() == pytest.approx(64 / 127, abs=0.01)
    knob(Action.BLEND, 90)
    knob(Action.BLEND, 127)
    assert weights(window) == {"ada": 0.0, "bo": 1.0}
    undo(window)
    assert weights(window) == {"ada": 1.0, "bo": 1.0}
    note(Action.GENERATE)
    request, _, _ = engine.begun.get(timeout=20)
    assert request["operation"]["kind"] == "restyle"
    qtbot.waitUntil(lambda: bool(window.queue_panel.model.rows), timeout=WAIT_MS)
    note(Action.CANCEL)
    qtbot.waitUntil(lambda: "cancel" in engine.told, timeout=WAIT_MS)


def test_a_map_is_kept_forgotten_and_a_damaged_one_left_alone(
    tmp_path: Path, midi: FakeMidi, qtbot: QtBot
) -> None:
    path = tmp_path / "deep" / "midi-map.json"
    daw = DawLink(path)
    daw.set_midi(True, midi)
    daw._poll()
    daw.learn(Action.KEEP)
    Keys(midi, daw).knob(7, 3)
    assert [b.action for b in MidiMap.load(path).bindings] == [Action.KEEP]
    daw.close()

    again = DawLink(path)
    page = MidiPage(again)
    qtbot.addWidget(page)
    assert "CC 7" in shown(page, Action.KEEP)
    assert "MIDI is off" in page.sentence.text()
    choose(page, Action.KEEP)
    qtbot.mouseClick(page.forget, Qt.MouseButton.LeftButton)
    assert shown(page, Action.KEEP) == ""
    assert json.loads(path.read_text())["bindings"] == []

    path.write_text("{")
    broken, told = DawLink(path), []
    broken.told.connect(told.append)
    broken.set_midi(True, midi)
    broken._poll()
    broken.learn(Action.BLEND)
    Keys(midi, broken).knob(9, 3)
    assert "Move it away" in told[0]
    assert "not kept" in told[-1]
    assert path.read_text() == "{"
    broken.close()


def test_learning_ends_with_the_page_and_goes_along_with_the_line(
    window: MainWindow, keys: Keys, daw: DawLink, qtbot: QtBot
) -> None:
    window.pages.show_settings()
    assert window.pages.settings is not None
    page = window.pages.settings.findChild(MidiPage)
    assert page is not None
    choose(page, Action.GENERATE)
    page.tree.setFocus()
    QTest.keyClick(page.tree, Qt.Key.Key_Return)
    assert daw.control.learning == Action.GENERATE
    choose(page, Action.CANCEL)
    assert daw.control.learning == Action.CANCEL
    assert shown(page, Action.GENERATE) == ""
    qtbot.mouseClick(page.learn, Qt.MouseButton.LeftButton)
    assert daw.control.learning is None
    qtbot.mouseClick(page.learn, Qt.MouseButton.LeftButton)
    window.pages.settings.reject()
    assert daw.control.learning is None
    qtbot.waitUntil(lambda: sip.isdeleted(page), timeout=WAIT_MS)  # it listens no more
    keys.note(40)
    assert daw.control.map.bindings == ()


def test_ports_come_and_go_and_no_midi_is_a_sentence_in_the_bar(
    window: MainWindow, daw: DawLink, midi: FakeMidi, qtbot: QtBot
) -> None:
    sign = window.transport.midi
    assert "MIDI is off" in sign.toolTip()
    midi.there = False
    daw.set_midi(True, midi)
    qtbot.waitUntil(lambda: sign.text() == "No MIDI", timeout=WAIT_MS)
    assert sign.toolTip() == "There is no MIDI here."
    midi.there = True
    qtbot.waitUntil(lambda: sign.text() == "MIDI", timeout=WAIT_MS)
    assert "Knobs" in sign.toolTip()
    midi.names.append("Second")
    qtbot.waitUntil(lambda: "Second" in sign.toolTip(), timeout=WAIT_MS)
    midi.closing_fails = True
    midi.names.clear()
    qtbot.waitUntil(lambda: sign.text() == "No MIDI", timeout=WAIT_MS)
    daw.set_midi(False)
    window.statuses.show_daw()
    assert "MIDI is off" in sign.toolTip()
