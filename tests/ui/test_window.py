"""The window as a hand sees it: keys, clicks, drops, and what it says when something is wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hand_engine import HandEngine
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent, QGuiApplication
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import (
    QAbstractButton,
    QLabel,
)
from pytestqt.qtbot import QtBot
from ui_parts import WAIT_MS, NotedPlayer, add_clip, press, preview, render, result, sound

from jukebox_studio.bundle import Found
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Failed, Finished, Note, Progress
from jukebox_studio.job_queue import JobEvent
from jukebox_studio.licences import OPENAI_JUKEBOX
from jukebox_studio.session import Session
from jukebox_studio.tempo import SongTime
from ui.draft import ModelSummary
from ui.shared import SOURCE_LANE
from ui.timeline_morph import Morph, MorphPoint
from ui.window import MainWindow

Key = Qt.Key


def said(window: MainWindow) -> str:
    return "\n".join(message.text for message in window.messages.messages)


def session_of(window: MainWindow) -> Session:
    assert window.project is not None
    return window.project.session


def test_the_window_needs_no_torch_and_no_scipy() -> None:
    code = (
        "import ui.app, sys; wrong = {'torch', 'scipy', 'bridge.server'} & set(sys.modules);"
        "assert not wrong, wrong"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_dropped_file_becomes_the_clip_that_is_worked_on(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    path = sound(tmp_path / "loop 90bpm.wav")
    before = path.read_bytes()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    drop = QDropEvent(
        QPointF(600, 400),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(drop)
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
    assert window.inbox.model.rows[0].line.startswith("90 BPM")
    assert window.inbox.tempo.value() == 90
    assert [lane.id for lane in window.timeline.lanes()] == [SOURCE_LANE]
    assert window.request_panel.generate.isEnabled()
    assert path.read_bytes() == before


def test_previews_grow_and_variants_take_their_place(
    window: MainWindow, engine: HandEngine, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    window.request_panel.variants.setValue(2)
    qtbot.mouseClick(window.request_panel.generate, Qt.MouseButton.LeftButton)
    _, out, folder = engine.begun.get(timeout=20)
    engine.says.put(Progress(1, 25, 100, 50.0, 90.0))
    qtbot.waitUntil(lambda: window.queue_panel.model.rows[:1] != [], timeout=WAIT_MS)
    row = window.queue_panel.model
    qtbot.waitUntil(lambda: "2 min left" in row.said(row.rows[0]), timeout=WAIT_MS)
    engine.says.put(preview(folder, 0, 0.5))
    qtbot.waitUntil(lambda: len(window.timeline.lanes()) == 2, timeout=WAIT_MS)
    grown = window.timeline.lanes()[1]
    assert grown.is_preview
    assert grown.known_seconds == 0.5 < grown.length_seconds
    press(window, Key.Key_1)
    assert window.audition.heard == grown.id
    engine.says.put(preview(folder, 0, 1.0))
    qtbot.waitUntil(lambda: window.timeline.lanes()[1].known_seconds == 1.0, timeout=WAIT_MS)

    switches = len(player.told("switch"))
    for number in (1, 0):
        engine.says.put(result(out, number))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: not window.queue_panel.model.rows, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: len(window.timeline.lanes()) == 3, timeout=WAIT_MS)
    first = next(v for v in session_of(window).variants() if v.number == 0)
    assert window.audition.heard == f"variant-{first.id}"
    # Heard goes on as what it has become, and to nothing else.
    assert player.told("switch")[switches:] == [(f"variant-{first.id}",)]


def test_space_and_numbers_play_and_switch(
    window: MainWindow, engine: HandEngine, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, b = render(window, engine, qtbot)
    press(window, Key.Key_Space)
    assert player.is_playing
    press(window, Key.Key_2)
    assert window.audition.heard == f"variant-{b}"
    assert window.history.selected == [b]
    assert window.transport.lane_buttons[f"variant-{b}"].isChecked()
    press(window, Key.Key_1)
    press(window, Key.Key_B)
    assert window.audition.heard == f"variant-{b}"
    press(window, Key.Key_0)
    assert window.audition.heard == SOURCE_LANE
    assert player.is_playing
    press(window, Key.Key_Space)
    assert not player.is_playing
    press(window, Key.Key_L)
    assert player.told("set_loop")[-1] == (0.0, 2.0)
    press(window, Key.Key_L)
    assert player.told("set_loop")[-1] == (None,)
    press(window, Key.Key_S)
    assert player.told("set_context")[-1] == (None, None)
    press(window, Key.Key_M)
    assert player.told("set_matched")[-1] == (False,)
    assert [s.start_seconds for s in player.sources] == [0.0, 2.0, 2.0]
    assert a != b


def test_digits_and_spaces_are_typed_where_one_types(
    window: MainWindow, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    window.activateWindow()
    window.history.search.setFocus()
    QTest.keyClicks(window.history.search, "take 1 b")
    assert window.history.search.text() == "take 1 b"
    assert not player.is_playing


def test_the_tree_is_rated_hidden_pruned_branched_noted_and_undone(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, b = render(window, engine, qtbot)
    session = session_of(window)
    window.history.choose(a)
    press(window, Key.Key_4, Qt.KeyboardModifier.AltModifier)
    assert session.variant(a).rating == 4
    qtbot.mouseClick(window.history.stars[1], Qt.MouseButton.LeftButton)
    assert session.variant(a).rating == 2
    press(window, Key.Key_H)
    qtbot.waitUntil(lambda: len(window.timeline.lanes()) == 2, timeout=WAIT_MS)
    press(window, Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(window.timeline.lanes()) == 3, timeout=WAIT_MS)
    window.history.choose(b)
    press(window, Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    branch = session.variants()[-1]
    assert (branch.parent_id, branch.is_branch) == (b, True)
    window.history.choose(b)
    press(window, Key.Key_Delete)
    assert [v.id for v in session.variants()] == [a]
    press(window, Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [v.id for v in session.variants()] == [a, b, branch.id]
    qtbot.waitUntil(window.shortcuts.actions["redo"].isEnabled, timeout=WAIT_MS)
    press(
        window,
        Key.Key_Z,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert [v.id for v in session.variants()] == [a]
    qtbot.waitUntil(lambda: len(window.history.model.nodes) == 1, timeout=WAIT_MS)
    window.history.choose(a)
    window.history.note.setPlainText("dry, good end")
    window.history.save_note()
    assert session.variant(a).notes == "dry, good end"
    index = window.history.model.index_of(a)
    window.history.model.setData(index, "The one")
    assert session.variant(a).name == "The one"


def test_search_shows_what_is_found(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, b = render(window, engine, qtbot)
    session_of(window)
    assert window.project is not None
    window.project.rename(b, "Évening take")
    qtbot.waitUntil(lambda: any(n.name == "Évening take" for n in window.history.model.nodes))
    tree = window.history.tree
    hidden = lambda id: tree.isRowHidden(window.history.model.index_of(id).row(), tree.rootIndex())  # noqa: E731
    window.history.search.setText("evening")
    qtbot.waitUntil(lambda: hidden(a) and not hidden(b), timeout=WAIT_MS)
    window.history.search.setText("nowhere")
    qtbot.waitUntil(lambda: window.history.empty.isVisible(), timeout=WAIT_MS)
    window.history.search.clear()
    qtbot.waitUntil(lambda: not hidden(a) and not hidden(b), timeout=WAIT_MS)


def test_going_on_from_a_variant_asks_with_its_codes(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, _ = render(window, engine, qtbot)
    window.history.choose(a)
    press(window, Key.Key_G)
    assert "Variant 1" in window.tool_row.working_on.text()
    press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    request, out, _ = engine.begun.get(timeout=20)
    assert request["codes_path"] == str(session_of(window).variant(a).codes_path)
    engine.says.put(result(out, 0))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: len(window.history.model.nodes) == 3, timeout=WAIT_MS)
    assert session_of(window).variants()[-1].parent_id == a
    press(window, Key.Key_0)
    window.history.tree.clearSelection()
    press(window, Key.Key_G)
    assert window.base_variant is None


def test_exports_copies_and_drags_are_files(
    window: MainWindow,
    engine: HandEngine,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, b = render(window, engine, qtbot)
    window.history.choose(a)
    session = session_of(window)
    press(window, Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "Exported to" in said(window), timeout=WAIT_MS)
    [file] = (tmp_path / "exports").iterdir()
    assert file.name.startswith("beat 120bpm - continue")
    press(window, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "Copied" in said(window), timeout=WAIT_MS)
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    mime = clipboard.mimeData()
    assert mime is not None
    assert [Path(url.toLocalFile()) for url in mime.urls()] == [file]

    dragged: list[list[str]] = []

    def exec_(drag: Any, *_: object) -> Qt.DropAction:
        dragged.append([url.toLocalFile() for url in drag.mimeData().urls()])
        return Qt.DropAction.CopyAction

    monkeypatch.setattr("ui.outbox.QDrag.exec", exec_)
    monkeypatch.setattr("ui.outbox.QGuiApplication.mouseButtons", lambda: Qt.MouseButton.LeftButton)
    window.history.drag_wanted.emit([a, b])
    qtbot.waitUntil(lambda: bool(dragged), timeout=WAIT_MS)
    assert len(dragged[0]) == 2
    assert all(Path(name).is_file() for name in dragged[0])
    assert [p.how for p in session.placements(a)] == ["saved", "copied", "dragged"]


def test_what_is_dragged_is_written_in_another_thread(
    window: MainWindow,
    engine: HandEngine,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, b = render(window, engine, qtbot)
    here, threads, begun = threading.get_ident(), [], []
    written = Session.export_variant

    def export(*values: Any, **named: Any) -> Path:
        threads.append(threading.get_ident() == here)
        return written(*values, **named)

    held = Qt.MouseButton.LeftButton
    monkeypatch.setattr(Session, "export_variant", export)
    monkeypatch.setattr("ui.outbox.QGuiApplication.mouseButtons", lambda: held)
    monkeypatch.setattr(
        "ui.outbox.QDrag.exec", lambda *_: begun.append(1) or Qt.DropAction.IgnoreAction
    )
    window.history.drag_wanted.emit([a, b])
    window.history.drag_wanted.emit([a, b])  # the mouse moves on meanwhile
    qtbot.waitUntil(lambda: bool(begun), timeout=WAIT_MS)
    assert threads == [False, False]
    held = Qt.MouseButton.NoButton
    window.history.drag_wanted.emit([a])
    qtbot.waitUntil(lambda: "can be dragged" in said(window), timeout=WAIT_MS)
    assert begun == [1]
    assert len(list((tmp_path / "exports").iterdir())) == 2


def test_a_killed_engine_is_told_with_a_way_to_go_on(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    engine.begun.get(timeout=20)
    engine.says.put(Failed("The engine stopped in the midst of its work (exit code -9)."))
    qtbot.waitUntil(lambda: "exit code -9" in said(window), timeout=WAIT_MS)
    [row] = window.queue_panel.model.rows
    assert row.state == "failed"
    button = window.messages.messages[0].button
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    engine.begun.get(timeout=20)
    qtbot.waitUntil(lambda: window.queue_panel.model.rows[0].state == "running", timeout=WAIT_MS)


def test_what_is_told_of_a_job_goes_with_it(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    engine.begun.get(timeout=20)
    engine.says.put(Failed("There is no room on the disk."))
    qtbot.waitUntil(lambda: "no room" in said(window), timeout=WAIT_MS)
    qtbot.mouseClick(window.queue_panel.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.queue_panel.model.rows, timeout=WAIT_MS)
    assert "no room" not in said(window)


def test_the_queue_is_paused_reordered_and_cancelled_by_its_buttons(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    panel = window.queue_panel
    press(window, Key.Key_P)
    for _ in range(3):
        press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(panel.model.rows) == 3, timeout=WAIT_MS)
    assert panel.is_paused
    ids = [row.id for row in panel.model.rows]
    panel.list.setCurrentIndex(panel.model.index(2))
    qtbot.mouseClick(panel.up, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: [row.id for row in panel.model.rows] == [ids[0], ids[2], ids[1]], timeout=WAIT_MS
    )
    assert panel.current is not None
    assert panel.current.id == ids[2]
    qtbot.mouseClick(panel.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(panel.model.rows) == 2, timeout=WAIT_MS)
    qtbot.mouseClick(panel.all, Qt.MouseButton.LeftButton)
    engine.begun.get(timeout=20)
    qtbot.waitUntil(lambda: panel.model.rows[0].state == "running", timeout=WAIT_MS)
    panel.list.setCurrentIndex(panel.model.index(0))
    qtbot.mouseClick(panel.hold, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.model.rows[0].state == "paused", timeout=WAIT_MS)
    assert engine.told == ["pause"]


def test_a_thousand_reports_of_progress_are_shown_once(
    window: MainWindow,
    engine: HandEngine,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_clip(window, tmp_path, qtbot)
    for _ in range(20):
        press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(window.queue_panel.model.rows) == 20, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window._refreshing.isActive(), timeout=WAIT_MS)
    shown: list[str] = []
    for of, name in (
        (window, "_show_jobs"),
        (window.undo, "show"),
        (window, "_show_lanes"),
        (window, "_show_clips"),
    ):
        act = getattr(of, name)
        monkeypatch.setattr(
            of, name, lambda *of, act=act, name=name: (shown.append(name), act(*of))
        )
    job_id = window.queue_panel.model.rows[0].id
    for done in range(1_000):
        window._progressed(job_id, Progress(1, done, 1_000, 20.0, (1_000 - done) / 20))
    assert shown == []
    qtbot.waitUntil(lambda: bool(shown), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window._refreshing.isActive(), timeout=WAIT_MS)
    assert shown == ["_show_jobs"]
    assert window.queue_panel.model.rows[0].seconds_left == pytest.approx(0.05)


def test_a_project_that_is_open_elsewhere_is_refused_in_a_sentence(
    window: MainWindow, tmp_path: Path
) -> None:
    other = Session.create(tmp_path / "other")
    before = window.project
    assert not window.open_project(tmp_path / "other")
    assert window.project is before
    assert "other" in said(window)
    other.close()
    assert window.open_project(tmp_path / "other")


def test_projects_are_opened_and_left_in_another_thread(
    window: MainWindow,
    engine: HandEngine,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, threads = threading.get_ident(), []

    def noted(act: Any) -> Any:
        def noting(*values: Any, **named: Any) -> Any:
            threads.append((act.__name__, threading.get_ident() == here))
            return act(*values, **named)

        return noting

    monkeypatch.setattr(Session, "open", noted(Session.open))
    monkeypatch.setattr(Session, "create", noted(Session.create))
    monkeypatch.setattr(engine, "close", noted(engine.close))
    first = session_of(window).folder
    add_clip(window, tmp_path, qtbot)
    press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    engine.begun.get(timeout=20)  # so that it is left in the midst of a render
    assert window.new_project(tmp_path / "other")
    assert window.open_project(first)  # which waits until it was closed
    assert session_of(window).folder == first
    assert threads[:3] == [("create", False), ("close", False), ("open", False)]
    assert not any(message.kind == "error" for message in window.messages.messages)


def test_a_project_opens_where_it_was_left(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    folder = session_of(window).folder
    first = add_clip(window, tmp_path, qtbot)
    add_clip(window, tmp_path, qtbot, "newer 90bpm")
    window.inbox.choose(first)
    assert window.new_project(tmp_path / "other")
    assert window.clip_id is None
    add_clip(window, tmp_path, qtbot, "another 100bpm")
    assert window.open_project(folder)
    assert window.clip_id == window.inbox.current == first
    assert window.tool_row.working_on.text() == "beat 120bpm"


def test_what_an_old_project_still_says_is_not_heard(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    old = window.project
    assert old is not None
    assert window.new_project(tmp_path / "other")
    heard = []
    old.told.connect(heard.append)
    old._on_news(JobEvent("1", Note("too late")))
    old.told.emit("too late")
    assert heard == []


def test_a_session_of_a_newer_version_is_told_and_left_alone(
    window: MainWindow, tmp_path: Path
) -> None:
    import sqlite3

    folder = tmp_path / "newer"
    Session.create(folder).close()
    database = sqlite3.connect(folder / "session.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.commit()
    database.close()
    before = (folder / "session.sqlite").read_bytes()
    assert not window.open_project(folder)
    assert "newer Jukebox Studio" in said(window)
    assert (folder / "session.sqlite").read_bytes() == before


def test_what_ran_when_the_program_was_killed_is_offered_again(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    for _ in range(2):
        press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    engine.begun.get(timeout=20)
    session = session_of(window)
    qtbot.waitUntil(lambda: session.jobs()[0].state == "running", timeout=WAIT_MS)
    # What a kill at this moment leaves on the disk.
    shutil.copytree(session.folder, tmp_path / "killed")
    assert window.open_project(tmp_path / "killed")
    qtbot.waitUntil(lambda: len(window.queue_panel.model.rows) == 2, timeout=WAIT_MS)
    assert [row.state for row in window.queue_panel.model.rows] == ["paused", "queued"]
    message = next(m for m in window.messages.messages if m.button and "ended" in m.text)
    assert message.button is not None
    qtbot.mouseClick(message.button, Qt.MouseButton.LeftButton)
    engine.begun.get(timeout=20)
    qtbot.waitUntil(lambda: window.queue_panel.model.rows[0].state == "running", timeout=WAIT_MS)


def test_a_noncommercial_model_is_used_once_its_licence_is_accepted(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    from dataclasses import replace

    add_clip(window, tmp_path, qtbot)
    assert window.model is not None
    window.model = replace(window.model, licence=OPENAI_JUKEBOX)
    press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert "not for commercial use" in said(window)
    assert session_of(window).jobs() == []
    window.pages.licence_accepted("tiny", True)
    press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    engine.begun.get(timeout=20)


def test_of_two_models_chosen_the_later_one_is_used(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the earlier one takes longer to look at."""
    assert window.model is not None
    tiny, first = window.model, threading.Event()
    looked: list[str] = []

    def look(bundle: Any) -> ModelSummary:
        if bundle == "first":
            assert first.wait(20)
        looked.append(bundle)
        return replace(tiny, name=bundle)

    monkeypatch.setattr(ModelSummary, "of", look)
    window.models = [
        Found(name, tiny.folder, name)  # type: ignore[arg-type]
        for name in ("first", "second")
    ]
    window.use_model("first")
    window.use_model("second")
    qtbot.waitUntil(lambda: window.model is not None and window.model.name == "second")
    first.set()
    qtbot.waitUntil(lambda: looked == ["second", "first"])
    qtbot.wait(100)
    assert window.model.name == "second"
    assert window.store.settings.model == "second"


def test_a_model_that_cannot_be_read_gives_way_to_the_one_before(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may still be looked at; and it is told once."""
    assert window.model is not None
    tiny, good = window.model, threading.Event()

    def look(bundle: Any) -> ModelSummary:
        if bundle == "bad":
            raise JukeboxError("The labels are damaged.")
        assert good.wait(20)
        return replace(tiny, name=bundle)

    monkeypatch.setattr(ModelSummary, "of", look)
    window.models = [
        Found(name, tiny.folder, name)  # type: ignore[arg-type]
        for name in ("good", "bad", "tiny")
    ]
    window.use_model("good")
    window.use_model("bad")
    qtbot.waitUntil(lambda: "labels are damaged" in said(window))
    good.set()
    qtbot.waitUntil(lambda: window.model is not None and window.model.name == "good")
    assert window.request_panel.model.currentText() == "good"
    told = len(window.messages.messages)
    window._models_found(window.models)
    qtbot.wait(100)
    assert (window.model.name, len(window.messages.messages)) == ("good", told)


def test_theme_tour_settings_and_keys(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    press(
        window,
        Key.Key_L,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert window.store.settings.theme == "light"
    window.pages.show_tour()
    tour = window.pages.tour
    assert tour is not None
    for _ in range(5):
        qtbot.mouseClick(tour.next, Qt.MouseButton.LeftButton)
    assert window.pages.tour is None
    window.pages.show_settings()
    page = window.pages.settings
    assert page is not None
    page.mute.click()
    assert not window.store.settings.mute_while_daw_plays
    page.reject()
    QTest.keyClick(window, "?")
    keys = window.pages.keys
    assert keys.isVisible()
    keys.list.setCurrentItem(keys._items["generate"])
    keys._set("Space")
    assert "taken" in keys.fault.text()
    keys._set("Ctrl+J")
    assert window.shortcuts.keys["generate"] == "Ctrl+J"
    assert window.store.settings.keys == {"generate": "Ctrl+J"}
    keys.reject()


def test_diagnostics_hold_versions_and_the_log(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a line of the log\n")
    window.pages.copy_diagnostics()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    text = clipboard.text()
    assert "PyQt6" in text
    assert "a line of the log" in text


def test_the_daw_mutes_and_leads_nothing_where_there_is_no_clip(
    window: MainWindow, player: NotedPlayer
) -> None:
    from bridge.transport import TransportState

    def state(playing: bool) -> TransportState:
        return TransportState("link", 120.0, 3.0, 0.0, playing, 0)

    window.daw.transport_changed.emit(state(True))
    assert player.told("set_muted")[-1] == (True,)
    window.daw.transport_changed.emit(state(False))
    assert player.told("set_muted")[-1] == (False,)
    window.store.change(follow_daw=True)
    window.daw.transport_changed.emit(state(True))
    assert player.told("set_muted")[-1] == (False,)
    assert not player.told("play_on_bar")  # there is nothing to play yet


def test_digits_switch_again_after_a_number_was_typed_and_generate_pressed(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    panel = window.request_panel
    panel.seed.setFocus()
    render(window, engine, qtbot, variants=2)
    typed = panel.seed.text()
    QTest.keyClick(window.focusWidget(), Key.Key_2)
    assert window.audition.heard == window.timeline.lanes()[2].id
    assert panel.seed.text() == typed
    for field in (panel.length, panel.seed, window.history.search, window.history.note):
        field.setFocus()
        QTest.keyClick(field, Key.Key_Escape)
        assert window.focusWidget() is window.timeline


def test_return_presses_every_kind_of_button_once(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    panel = window.request_panel
    for button in (window.transport.loop, panel.generate, panel.preview_only, panel.seed_lock):
        pressed: list[bool] = []
        button.clicked.connect(pressed.append)
        button.parentWidget().setVisible(True)
        button.setFocus()
        QTest.keyClick(button, Key.Key_Return)
        assert len(pressed) == 1, button.accessibleName()


def test_a_clip_late_in_the_song_is_played_from_its_start(
    window: MainWindow, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = replace(
        Clip.from_file(sound(tmp_path / "late.wav"), SongTime.steady(120)),
        position_samples=48_000 * 60,
        timeline_rate_hz=48_000,
    )
    assert window.project is not None
    window.project.add_clip(clip)
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
    assert window.timeline.playhead() == 60.0
    window._go_to(61.0)
    press(window, Key.Key_Home)
    assert window.timeline.playhead() == 60.0
    assert player.position_seconds == 60.0


def test_no_two_things_have_the_same_letter_with_alt(window: MainWindow) -> None:
    menus = window.menuBar()
    assert menus is not None
    texts = [action.text() for action in menus.actions()]
    texts += [button.text() for button in window.findChildren(QAbstractButton)]
    texts += [label.text() for label in window.findChildren(QLabel) if label.buddy()]
    letters = [found[1].casefold() for text in texts if (found := re.search("&([^&])", text))]
    assert len(letters) > 12
    assert sorted(letters) == sorted(set(letters))


def test_keys_of_the_timeline_are_not_taken_by_the_window(
    window: MainWindow, engine: HandEngine, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    render(window, engine, qtbot, variants=2)
    view = window.timeline
    view.setFocus()
    press(window, Key.Key_1)
    press(view, Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert view.chosen_lanes() == (view.active_lane(),)
    assert not player.is_playing
    ends = (MorphPoint(0.0, (1.0, 0.0)), MorphPoint(1.0, (0.0, 1.0)))
    view.set_morph(Morph(2.0, 2.0, ("Ada", "Bo"), ends))
    window._go_to(3.0)
    press(view, Key.Key_Delete)
    morph = view.morph()
    assert morph is not None
    assert morph.points == ends[:1]
    assert len(session_of(window).variants()) == 2
    press(view, Key.Key_Delete)
    qtbot.waitUntil(lambda: len(session_of(window).variants()) == 1, timeout=WAIT_MS)
