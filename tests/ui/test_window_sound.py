"""The window with the real player, on a device that is none."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from pytestqt.qtbot import QtBot
from ui_parts import HandEngine, result, sound

from jukebox_studio.events import Finished
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
