"""The window follows a DAW: a real Link peer, a MIDI clock, transport messages over the bridge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mido
import pytest
from bridge_parts import FakeMidi, clip_of, write_sound
from pytestqt.qtbot import QtBot
from real_programs import own_network
from ui_parts import WAIT_MS, NotedPlayer, add_clip, sound

from bridge.midi import ClockInput, MidiInputs
from bridge.osc import Client
from bridge.token import load_token
from bridge.transport import TransportState
from jukebox_studio.tempo import SongTime
from ui.daw_link import DawLink
from ui.window import MainWindow

LINK_WINDOW = Path(__file__).with_name("link_window.py")


def said(window: MainWindow) -> str:
    return "\n".join(message.text for message in window.messages.messages)


@pytest.mark.serial  # Link measures the other's clock by how long packets take
def test_a_real_link_peer_leads_and_is_led() -> None:
    done = subprocess.run(
        [*own_network(), sys.executable, str(LINK_WINDOW)],
        env=os.environ | {"PYTHONPATH": str(LINK_WINDOW.parent.parent.parent)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "met": True,
        "shown": True,
        "grid": 93.5,
        "clip": True,
        "clip_tempo": 93.5,
        "starts": True,
        "same_beat": True,
        "tempo_is_theirs": True,
        "stops": True,
        "they_take_ours": True,
        "loss": True,
        "told": True,
    }


class Sequencer:
    """A DAW that sends a MIDI clock into a port, in a time that the test makes pass."""

    def __init__(self, daw: DawLink, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1_000.0
        self._daw, self._midi = daw, FakeMidi("Clock")
        monkeypatch.setattr(time, "monotonic", lambda: self.seconds)
        daw.set_midi(True, self._midi)
        daw._midi = MidiInputs(self._midi, lambda: self.seconds)
        daw._clock = ClockInput(daw._time().midi)
        daw._timer.stop()
        daw._poll()

    def send(self, kind: str, **values: int) -> None:
        self._midi.received["Clock"](bytes(mido.Message(kind, **values).bytes()))

    def run(self, beats: float, tempo_bpm: float) -> None:
        for tick in range(round(24 * beats)):
            self.seconds += 60 / tempo_bpm / 24
            self.send("clock")
            if tick % 2 == 0:
                self._daw._poll()
        self._daw._poll()

    def rest(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            self.seconds += 0.05
            self._daw._poll()


@pytest.fixture
def sequencer(window: MainWindow, daw: DawLink, monkeypatch: pytest.MonkeyPatch) -> Sequencer:
    return Sequencer(daw, monkeypatch)


def test_a_midi_clock_is_shown_and_leads(
    window: MainWindow, player: NotedPlayer, sequencer: Sequencer, tmp_path: Path, qtbot: QtBot
) -> None:
    sign = window.transport.tempo
    sequencer.run(8, 127.98)
    assert sign.text() == "128.0 MIDI clock"
    assert window.daw.state is not None
    assert window.daw.state.tempo_bpm == pytest.approx(127.98, rel=0.003)
    window.add_files([sound(tmp_path / "loop.wav")])
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
    assert window.inbox.tempo.value() == 128  # nobody sets a clock to what one measures
    assert "MIDI clock has it" in said(window)

    # Muted while it plays, unless it leads.
    sequencer.send("start")
    sequencer.run(1, 127.98)
    assert window.daw.state.playing
    assert player.told("set_muted") == [(True,)]
    window.store.change(mute_while_daw_plays=False)
    sequencer.run(1, 127.98)
    assert player.told("set_muted") == [(True,), (False,)]
    sequencer.send("stop")
    sequencer.run(1, 127.98)
    assert not player.told("play_on_bar")

    window.store.change(follow_daw=True)
    sequencer.send("start")
    sequencer.run(0.5, 127.98)
    [(from_seconds, at, beat, tempo_bpm, per_bar)] = player.told("play_on_bar")
    assert (from_seconds, per_bar) == (0.0, 4.0)
    assert tempo_bpm == pytest.approx(127.98, rel=0.003)
    # The clock's beat then: none was lost on the way from the port to the player.
    begun = sequencer.seconds - 0.5 * 60 / 127.98
    assert beat == pytest.approx((at - begun) * 127.98 / 60, abs=0.1)
    player.play()
    sequencer.send("stop")
    sequencer.run(0.5, 127.98)
    assert not player.is_playing

    sequencer.send("continue")
    sequencer.run(1, 127.98)
    sequencer.rest(1.5)
    assert "fell silent" in sign.toolTip()
    assert said(window).count("MIDI clock fell silent.") == 1
    assert sign.text() == "128.0"  # the clip's own
    window.daw.set_midi(False)
    assert "fell silent" not in sign.toolTip()


@pytest.fixture
def placed(
    window: MainWindow,
    daw: DawLink,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., None]:
    """A clip that a DAW sent from bar 3 of a song at 100; then what that DAW's transport says."""
    monkeypatch.setenv("HOME", str(tmp_path))
    daw.start_bridge(tmp_path / "bridge", port=0)
    assert daw.bridge is not None
    with Client(load_token(tmp_path / "bridge" / "bridge-token"), daw.bridge.port) as client:
        client.hello("Ardour", "8.4")
        clip = replace(
            clip_of(write_sound(tmp_path / "take.wav", 96_000)),
            song=SongTime.steady(100),
            position_samples=230_400,
            timeline_rate_hz=48_000,
        )
        from bridge.clip_message import clip_to_values

        client.send("clip", clip_to_values("region-1", clip))
        client.wait()
        qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)

        def say(playing: bool, seconds: float, tempo_bpm: float = 100.0) -> None:
            before = daw.state
            client.send_once(
                "transport",
                {
                    "playing": playing,
                    "position_samples": round(48_000 * seconds),
                    "timeline_rate_hz": 48_000,
                    "tempo_bpm": tempo_bpm,
                    "meter": "4/4",
                },
            )
            beat = seconds * tempo_bpm / 60

            def arrived() -> bool:
                state = daw.state
                return (
                    state is not before
                    and state is not None
                    and (
                        state.source == "osc"
                        and state.playing == playing
                        and (abs(state.beat - beat) < 4 or not playing)
                    )
                )

            qtbot.waitUntil(arrived, timeout=WAIT_MS)

        yield say


def test_a_clip_of_the_daw_plays_where_the_daw_is(
    window: MainWindow, player: NotedPlayer, placed: Callable[..., None], qtbot: QtBot
) -> None:
    window.store.change(follow_daw=True)
    placed(False, 0.0)
    assert window.transport.tempo.text() == "100.0 Ardour"
    placed(True, 6.0)
    at, place = player.told("play_at")[0]
    assert place == pytest.approx(6.0 + (time.monotonic() - at), abs=3.0)
    assert not player.told("play_on_bar")
    # Its clock and ours drift: now and then the player is told again, and leaves 10 ms alone.
    player.is_playing = True
    qtbot.waitUntil(lambda: len(player.told("play_at")) >= 3, timeout=WAIT_MS)
    first, *_, last = player.told("play_at")
    assert last[1] - first[1] == pytest.approx(last[0] - first[0], abs=0.02)
    # It goes elsewhere, and so does the player.
    placed(True, 60.0)
    qtbot.waitUntil(lambda: player.told("play_at")[-1][1] > 59, timeout=WAIT_MS)
    # Who stops by hand is left alone until the DAW starts again.
    window.shortcuts.actions["play"].trigger()
    assert not player.is_playing
    told = len(player.told("play_at"))
    placed(True, 20.0)
    qtbot.wait(200)
    assert len(player.told("play_at")) == told
    placed(False, 20.0)
    placed(True, 20.0)
    assert len(player.told("play_at")) == told + 1


def test_another_tempo_is_told_and_not_chased(
    window: MainWindow, player: NotedPlayer, placed: Callable[..., None], qtbot: QtBot
) -> None:
    window.store.change(follow_daw=True)
    placed(False, 0.0, 120.0)
    placed(True, 6.0, 120.0)
    assert "The DAW plays at 120.0 BPM and the clip is at 100.0 BPM" in said(window)
    player.is_playing = True
    qtbot.wait(1_500)
    assert len(player.told("play_at")) == 1


def test_a_loop_starts_on_the_bar_instead(
    window: MainWindow, player: NotedPlayer, placed: Callable[..., None], qtbot: QtBot
) -> None:
    window.store.change(follow_daw=True)
    window.transport.loop.click()
    placed(True, 6.0)
    assert player.told("play_on_bar")
    assert not player.told("play_at")


def test_following_can_begin_and_end_while_the_daw_plays(
    window: MainWindow, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    playing = TransportState("link", 120.0, 3.0, 77.5, True, 0)
    window.daw.transport_changed.emit(playing)
    assert player.told("set_muted") == [(True,)]
    # Who hears nothing is told why, and led to where it can be changed.
    assert window.transport.audio.isVisible()
    assert window.transport.audio.text() == "Silent"
    window.transport.audio.click()
    assert window.pages.settings is not None
    assert window.pages.settings.follow.isVisible()
    window.pages.settings.follow.click()
    window.daw.transport_changed.emit(playing)
    assert player.told("set_muted")[-1] == (False,)
    assert not window.transport.audio.isVisible()
    ((_, at_seconds, beat, *_),) = player.told("play_on_bar")
    assert (at_seconds, beat) == (77.5, 3.0)  # when it was there, however late one hears of it
    player.play()
    window.pages.settings.follow.click()
    window.daw.transport_changed.emit(replace(playing, beat=4.0))
    assert player.is_playing  # goes on by itself, muted as asked for
    assert player.told("set_muted")[-1] == (True,)
    window.pages.settings.take_tempo.click()
    window.store.wait()
    kept = json.loads(window.store.path.read_text())
    assert (kept["follow_daw"], kept["take_daw_tempo"]) == (False, False)


def test_the_clip_takes_the_daws_tempo_when_asked(
    window: MainWindow, daw: DawLink, tmp_path: Path, qtbot: QtBot
) -> None:
    clip_id = add_clip(window, tmp_path, qtbot, "loop 90bpm")
    assert window.inbox.tempo.value() == 90  # its name goes before the DAW's tempo
    daw.state = TransportState("osc", 174.0, 0.0, 0.0, False, 0)
    window.transport.tempo.click()
    take = window.statuses.tempo_menu.actions()[0]
    assert "174" in take.text()
    take.trigger()
    assert window.project is not None
    tempo = window.project.session.clip(clip_id).clip.song.tempo
    assert tempo.points[0].tempo_bpm == 174
    qtbot.waitUntil(lambda: window.inbox.tempo.value() == 174, timeout=WAIT_MS)
    window.shortcuts.actions["undo"].trigger()
    qtbot.waitUntil(lambda: window.inbox.tempo.value() == 90, timeout=WAIT_MS)
