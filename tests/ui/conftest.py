"""A window with a hand-played engine and a player that only notes what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hand_engine import HandEngine
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from ui_parts import NotedPlayer, model_folder

from jukebox_studio.licences import CC_BY_SA_4
from ui.daw_link import DawLink
from ui.draft import ModelSummary
from ui.settings import SettingsStore
from ui.theme import DARK, apply_theme
from ui.window import MainWindow


@pytest.fixture
def engine() -> HandEngine:
    return HandEngine()


@pytest.fixture
def player() -> NotedPlayer:
    return NotedPlayer()


@pytest.fixture
def daw() -> DawLink:
    return DawLink()


@pytest.fixture
def model(tmp_path: Path) -> ModelSummary:
    return ModelSummary(
        name="tiny",
        folder=model_folder(tmp_path / "model"),
        licence=CC_BY_SA_4,
        levels=2,
        artists=("ada", "bo", "cy"),
        genres=("hum",),
        version="v2",
        window_seconds=10.0,
    )


@pytest.fixture
def window(
    tmp_path: Path,
    engine: HandEngine,
    player: NotedPlayer,
    daw: DawLink,
    model: ModelSummary,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MainWindow]:
    """Shown, on a new project; its folders are the test's."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    monkeypatch.setattr(MainWindow, "load_models", lambda self: None)
    store = SettingsStore(tmp_path / "settings.json")
    store.change(
        projects_folder=str(tmp_path / "projects"), exports_folder=str(tmp_path / "exports")
    )
    made = MainWindow(
        store,
        lambda: engine,
        player,  # type: ignore[arg-type]
        daw,
        log_path=tmp_path / "log",
        presets_folder=tmp_path / "presets",
    )
    made.model = model
    made.request_panel.set_models(["tiny"])
    made.request_panel.set_model(model)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    assert made.new_project(tmp_path / "projects" / "song")
    yield made
    made.close()
