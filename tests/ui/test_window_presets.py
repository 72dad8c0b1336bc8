"""Presets in the window: those that ship, one's own, and files that others sent."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from ui.draft import Draft
from ui.draft_presets import find_presets, preset_of, shipped_presets_folder, write_preset
from ui.window import MainWindow

WAIT_MS = 20_000


def names(window: MainWindow) -> list[str]:
    return [action.text() for action in window.request_panel.presets.actions_menu.actions()]


def drop(window: MainWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(
        QDropEvent(
            QPointF(600, 400),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_the_shipped_presets_are_in_the_menu_and_can_be_used(
    window: MainWindow, qtbot: QtBot
) -> None:
    shipped = find_presets(Path("/nowhere"))[0]
    assert len(shipped) == len(list(shipped_presets_folder().iterdir()))
    qtbot.waitUntil(lambda: {p.name for p in shipped} <= set(names(window)), timeout=WAIT_MS)
    panel = window.request_panel
    for preset in shipped:
        before = panel.draft()
        (action,) = [a for a in panel.presets.actions_menu.actions() if a.text() == preset.name]
        action.trigger()
        assert panel.draft() != before, preset.name


def test_a_preset_that_is_dropped_is_used_and_kept_once(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "from a friend.json"
    write_preset(preset_of(Draft(variants=7, width=0.5), "Friend's", ("output",)), path)
    drop(window, path)
    panel = window.request_panel
    qtbot.waitUntil(lambda: panel.variants.value() == 7, timeout=WAIT_MS)
    assert panel.width_amount.value() == 0.5
    qtbot.waitUntil(lambda: "Friend's" in names(window), timeout=WAIT_MS)
    # As a second start of the program hands over what was double-clicked.
    panel.variants.setValue(2)
    window.add_files([path])
    qtbot.waitUntil(lambda: panel.variants.value() == 7, timeout=WAIT_MS)
    window.presets.wait()
    assert len(list((tmp_path / "presets").iterdir())) == 1
    assert window.project is not None
    assert window.project.session.clips() == []


def test_a_file_that_is_no_preset_is_told(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "package.json"
    path.write_text('{"name": "something else"}')
    drop(window, path)
    qtbot.waitUntil(
        lambda: any("not a preset" in message.text for message in window.messages.messages),
        timeout=WAIT_MS,
    )
    assert not (tmp_path / "presets").exists()
