"""The window with the real player, on a device that is none."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hand_engine import HandEngine
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from pytestqt.qtbot import QtBot
from ui_parts import result, sound

from bridge.clip_message import clip_to_values
from bridge.osc import Client
from bridge.token import load_token
from jukebox_studio.clip import Clip
from jukebox_studio.events import Finished
from jukebox_studio.tempo import SongTime
from ui.daw_link import DawLink
from ui.player import Player
from ui.shared import SOURCE_LANE
from ui.window import MainWindow

FAKE_DEVICES = Path(__file__).resolve().parent.parent / "fake_devices.py"
WAIT_MS = 40_000


@pytest.fixture
def player(tmp_path: Path) -> Player:
    folder = tmp_path / "devices"
    folder.mkdir()
    outputs = [{"name": "Speakers", "rate_hz": 48_000, "is_default": True}]
    (folder / "outputs.json").write_text(json.dumps(outputs), encoding="utf-8")
    return Player(None, playback=(sys.executable, str(FAKE_DEVICES), str(folder)))


def test_keys_play_and_switch_what_is_heard(
    window: MainWindow, player: Player, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    window.add_files([sound(tmp_path / "long 120bpm.wav", seconds=20)])
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
    window.request_panel.variants.setValue(1)
    window.generate()
    _, out, _ = engine.begun.get(timeout=20)
    engine.says.put(result(out, 0, seconds=4))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: len(window.timeline.lanes()) == 2, timeout=WAIT_MS)
    QTest.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: player.is_playing and player.heard == SOURCE_LANE, timeout=WAIT_MS)
    QTest.keyClick(window, Qt.Key.Key_1)
    qtbot.waitUntil(lambda: player.heard == "variant-1", timeout=WAIT_MS)
    assert player.is_playing
    qtbot.waitUntil(lambda: window.timeline.playhead() > 0, timeout=WAIT_MS)
    QTest.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not player.is_playing, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.transport.play.accessibleName() == "Play", timeout=WAIT_MS)


def test_a_clip_of_the_daw_is_heard_where_the_daw_is(
    window: MainWindow,
    player: Player,
    daw: DawLink,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A click in the clip sounds when the DAW's own would."""
    monkeypatch.setenv("HOME", str(tmp_path))
    rate_hz, click_seconds = 48_000, 2.5
    samples = np.zeros((20 * rate_hz, 2), np.float32)
    samples[round(click_seconds * rate_hz), :] = 0.9
    path = tmp_path / "click.wav"
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    daw.start_bridge(tmp_path / "bridge", port=0)
    assert daw.bridge is not None
    clip = replace(
        Clip.from_file(path, SongTime.steady(120)), position_samples=10 * rate_hz, name="click"
    )
    window.store.change(follow_daw=True)
    states: list[tuple[float, float]] = []
    daw.transport_changed.connect(lambda s: states.append((time.monotonic(), s.beat / 2)))
    with Client(load_token(tmp_path / "bridge" / "bridge-token"), daw.bridge.port) as client:
        client.hello("Ardour", "8.4")
        client.send("clip", clip_to_values("region-1", clip))
        client.wait()
        qtbot.waitUntil(
            lambda: player.rate_hz > 0 and SOURCE_LANE in player._ready, timeout=WAIT_MS
        )
        # The DAW begins well before the click: in silence before the clip.
        told = {"playing": True, "position_samples": 9 * rate_hz, "timeline_rate_hz": rate_hz,
                "tempo_bpm": 120.0, "meter": "4/4"}  # fmt: skip
        client.send_once("transport", told)
        qtbot.waitUntil(lambda: player.position_seconds > 13.0, timeout=WAIT_MS)
        client.send_once("transport", {**told, "playing": False})
        qtbot.waitUntil(lambda: not player.is_playing, timeout=WAIT_MS)
    heard = np.frombuffer((tmp_path / "devices" / "heard.f32").read_bytes(), np.float32)
    first = float((tmp_path / "devices" / "first-sample.txt").read_text())
    [at] = np.flatnonzero(np.abs(heard.reshape(-1, 2)[:, 0]) > 0.5)
    at_seconds = first + at / rate_hz
    # Where the bridge had the DAW then, by what it said last before.
    told_at, place = max(state for state in states if state[0] <= at_seconds)
    assert place + at_seconds - told_at == pytest.approx(10 + click_seconds, abs=0.02)
