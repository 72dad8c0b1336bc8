"""A player that notes what it is told, and what a render leaves on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from hand_engine import HandEngine
from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from jukebox_studio.bundle import MANIFEST
from jukebox_studio.events import Finished, Preview, VariantFinished
from ui.playback_link import PlaybackSettings
from ui.player import PlayerSource
from ui.window import MainWindow

WAIT_MS = 20_000
RATE_HZ = 8_000


class NotedPlayer(QObject):
    """What the window asks of `ui.player.Player`."""

    position = pyqtSignal(float)
    state = pyqtSignal(bool)
    switched = pyqtSignal(str)
    device_lost = pyqtSignal(str)
    device_found = pyqtSignal()
    error = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.sources: list[PlayerSource] = []
        self.settings = PlaybackSettings()
        self.outputs: tuple[Any, ...] = ()
        self.output: str | None = None
        self.rate_hz = self.dropouts = 0
        self.last_words: list[str] = []
        self.is_playing, self.position_seconds = False, 0.0

    def load(self, sources: list[PlayerSource]) -> None:
        self.sources = list(sources)
        self.calls.append(("load", [s.id for s in sources]))

    def play(self, from_seconds: float | None = None) -> None:
        self.calls.append(("play", from_seconds))
        self.is_playing = True
        self.state.emit(True)

    def stop(self) -> None:
        if self.is_playing:
            self.is_playing = False
            self.state.emit(False)

    def seek(self, seconds: float) -> None:
        self.position_seconds = seconds

    def set_settings(self, settings: PlaybackSettings) -> None:
        self.settings = settings

    def close(self) -> None:
        self.calls.append(("close",))

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in (
            "switch", "set_loop", "set_context", "set_matched", "set_muted",
            "play_on_bar", "play_at",
        ):  # fmt: skip
            raise AttributeError(name)
        return lambda *values, **named: self.calls.append((name, *values, *named.values()))

    def told(self, name: str) -> list[Any]:
        """What a method was last called with, all of its calls."""
        return [call[1:] for call in self.calls if call[0] == name]


def sound(path: Path, seconds: float = 2.0, rate_hz: int = RATE_HZ, seed: int = 0) -> Path:
    """A file of noise in stereo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-0.3, 0.3, (round(seconds * rate_hz), 2))
    soundfile.write(path, samples, rate_hz, subtype="PCM_24")
    return path


def model_folder(folder: Path) -> Path:
    """What the queue looks for in a bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).touch()
    return folder


def preview(folder: Path, variant: int, seconds: float) -> Preview:
    path = sound(folder / f"preview-{variant}.wav", seconds)
    return Preview(variant, path, 1, round(seconds * RATE_HZ), RATE_HZ)


def result(
    out: Path, variant: int, seconds: float = 2.0, level: int = 0, **described: Any
) -> VariantFinished:
    """A variant's three files, and the event that tells of them."""
    name = f"{'preview' if level else 'full'}-{variant}"
    path = sound(out / f"{name}.wav", seconds, seed=variant + 1)
    codes, description = path.with_suffix(".safetensors"), path.with_suffix(".json")
    codes.write_bytes(b"codes")
    description.write_text(json.dumps({"seed": 7, "notes": ["a remark"], **described}))
    length = round(seconds * RATE_HZ)
    return VariantFinished(variant, path, description, codes, length, RATE_HZ, level)


def press(window: QWidget, key: Qt.Key, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window, key, modifier)


def add_clip(window: MainWindow, tmp_path: Path, qtbot: QtBot, name: str = "beat 120bpm") -> int:
    before = window.clip_id
    window.add_files([sound(tmp_path / f"{name}.wav")])
    qtbot.waitUntil(lambda: window.clip_id not in (None, before), timeout=WAIT_MS)
    project, clip_id = window.project, window.clip_id
    assert project is not None
    assert clip_id is not None
    qtbot.waitUntil(lambda: project.session.clip(clip_id).copy_path is not None, timeout=WAIT_MS)
    return clip_id


def render(
    window: MainWindow, engine: HandEngine, qtbot: QtBot, variants: int = 2, **described: Any
) -> list[int]:
    """Press Generate, and have the engine make what is asked for; the ids of the variants."""
    project = window.project
    assert project is not None
    before = {v.id for v in project.session.variants()}
    window.request_panel.variants.setValue(variants)
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    _, out, _ = engine.begun.get(timeout=20)
    for number in range(variants):
        engine.says.put(result(out, number, **described))
    engine.says.put(Finished())
    qtbot.waitUntil(
        lambda: (
            len(window.history.model.nodes) >= len(before) + variants
            and not window.queue_panel.model.rows
        ),
        timeout=WAIT_MS,
    )
    return [v.id for v in project.session.variants() if v.id not in before]
