"""Out of the window: files that people find again, to the sample, and that nothing touches."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hand_engine import HandEngine
from PyQt6.QtCore import Qt, QUrl
from PyQt6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot
from ui_parts import RATE_HZ, WAIT_MS, add_clip, press, render

from jukebox_studio.errors import JukeboxError
from jukebox_studio.session import Session
from jukebox_studio.session_command import gc
from ui.shared import variant_lane_id
from ui.window import MainWindow

Key, CTRL = Qt.Key, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
    """What was dropped somewhere, drag by drag."""
    drags: list[list[Path]] = []

    def exec_(drag: Any, *_: object) -> Qt.DropAction:
        drags.append([Path(url.toLocalFile()) for url in drag.mimeData().urls()])
        return Qt.DropAction.CopyAction

    monkeypatch.setattr("ui.outbox.QDrag.exec", exec_)
    monkeypatch.setattr("ui.outbox.QGuiApplication.mouseButtons", lambda: Qt.MouseButton.LeftButton)
    return drags


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def is_closed(song: Path) -> bool:
    try:
        Session.open(song).close()
    except JukeboxError:
        return False
    return True


def test_a_stretch_of_several_variants_is_dragged_as_flac(
    window: MainWindow,
    engine: HandEngine,
    dropped: list[list[Path]],
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    add_clip(window, tmp_path, qtbot, "Ström / beat 120bpm".replace("/", "-"))
    ids = render(window, engine, qtbot, 3)
    source = tmp_path / "Ström - beat 120bpm.wav"
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    assert window.project is not None
    session = window.project.session
    window.store.change(export_as_flac=True)
    lane = next(x for x in window.timeline.lanes() if x.id == variant_lane_id(ids[0]))
    # Three quarters of a second, from half a second into the variants on.
    window.timeline.selection_changed.emit(lane.start_seconds + 0.5, lane.start_seconds + 1.25)
    window.history.drag_wanted.emit(ids[:2])
    qtbot.waitUntil(lambda: len(dropped) == 1, timeout=WAIT_MS)
    for path, variant_id in zip(dropped[0], ids, strict=False):
        assert path.parent == tmp_path / "exports"
        assert path.name.startswith("Ström - beat 120bpm - continue - ")
        assert "0.50-1.25 s" in path.name
        assert f"v{session.variant(variant_id).number + 1}" in path.name
        assert f"{datetime.now():%Y-%m-%d}" in path.name
        made, rate_hz = soundfile.read(path, dtype="int32")
        whole, _ = soundfile.read(session.variant(variant_id).audio_path, dtype="int32")
        assert rate_hz == RATE_HZ
        assert soundfile.info(path).format == "FLAC"
        assert np.array_equal(made, whole[RATE_HZ // 2 : 5 * RATE_HZ // 4])
        [placement] = session.placements(variant_id)
        assert (placement.how, placement.path) == ("dragged", path)
    assert len(dropped[0]) == 2
    # The same stretch goes onto the clipboard.
    window.history.choose(ids[2])
    press(window, Key.Key_C, CTRL)
    qtbot.waitUntil(
        lambda: any("Copied" in m.text for m in window.messages.messages), timeout=WAIT_MS
    )
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    mime = clipboard.mimeData()
    assert mime is not None
    [url] = mime.urls()
    assert soundfile.info(url.toLocalFile()).frames == 3 * RATE_HZ // 4
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before


def test_nothing_touches_what_lies_in_the_exports_folder(
    window: MainWindow,
    engine: HandEngine,
    dropped: list[list[Path]],
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    add_clip(window, tmp_path, qtbot)
    ids = render(window, engine, qtbot)
    exports = tmp_path / "exports"
    for n in (1, 2):
        window.history.drag_wanted.emit(ids)
        qtbot.waitUntil(lambda n=n: len(dropped) == n, timeout=WAIT_MS)
    before = hashes(exports)
    assert len(before) == 2, "the same again is the same file"
    window.history.tree.selectAll()
    press(window, Key.Key_Delete)
    assert window.project is not None
    assert window.project.session.variants() == []
    qtbot.waitUntil(lambda: not window.history.model.nodes, timeout=WAIT_MS)
    window.inbox.removed.emit(window.clip_id)
    qtbot.waitUntil(lambda: window.clip_id is None, timeout=WAIT_MS)
    song = window.project.session.folder
    assert window.new_project(tmp_path / "projects" / "another")
    window.close_project()
    qtbot.waitUntil(lambda: is_closed(song), timeout=WAIT_MS)
    gc(song, remove=True, trash=True)
    assert hashes(exports) == before


def test_a_variant_is_shown_in_its_folder(
    window: MainWindow,
    engine: HandEngine,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def open_(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return len(opened) == 1

    monkeypatch.setattr("ui.outbox.QDesktopServices.openUrl", open_)
    add_clip(window, tmp_path, qtbot)
    a, _ = render(window, engine, qtbot)
    window.history.choose(a)
    for n in (1, 2):
        window.shortcuts.actions["reveal"].trigger()
        qtbot.waitUntil(lambda n=n: len(opened) == n, timeout=WAIT_MS)
    assert opened == [str(tmp_path / "exports")] * 2
    [file] = (tmp_path / "exports").iterdir()
    # Where no file manager comes, it is said.
    assert any(f"It lies in {file}" == m.text for m in window.messages.messages)


def test_a_note_is_typed_by_key_and_found_again(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, b = render(window, engine, qtbot)
    window.history.choose(b)
    press(window, Key.Key_E, CTRL)
    qtbot.waitUntil(window.history.note.hasFocus)
    qtbot.keyClicks(window.history.note, "drums like rain 3")
    press(window, Key.Key_F, CTRL)
    assert window.history.search.hasFocus()
    assert window.project is not None
    assert window.project.session.variant(b).notes == "drums like rain 3"
    qtbot.keyClicks(window.history.search, "rain")
    tree, model = window.history.tree, window.history.model

    def is_hidden(variant_id: int) -> bool:
        return tree.isRowHidden(model.index_of(variant_id).row(), tree.rootIndex())

    qtbot.waitUntil(lambda: is_hidden(a) and not is_hidden(b), timeout=WAIT_MS)
