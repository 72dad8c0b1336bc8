"""What is wrong is a sentence where one looks, with what to do; and nothing is lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hand_engine import HandEngine
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from test_client import FAKE, QUICK
from ui_parts import WAIT_MS, NotedPlayer, add_clip, press, render, sound

from jukebox_studio.client import EngineClient
from jukebox_studio.events import Event
from jukebox_studio.session import Session
from ui.messages import Message
from ui.player import Player
from ui.window import MainWindow

FAKE_DEVICES = Path(__file__).resolve().parent.parent / "fake_devices.py"
Key = Qt.Key
CTRL = Qt.KeyboardModifier.ControlModifier
HOUR_SECONDS = 3600


def drop(window: MainWindow, paths: Sequence[Path]) -> bool:
    """As a file manager does; whether the window takes it."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place = QPoint(600, 400)
    how = (mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, *how)
    enter.ignore()
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPointF(place), Qt.DropAction.CopyAction, *how))
    return enter.isAccepted()


def said(window: MainWindow, words: str) -> Message | None:
    """The message that has these words, if it is seen."""
    found = [m for m in window.messages.messages if words in m.text]
    return found[0] if found and found[0].isVisible() else None


def long_file(path: Path, hours: float) -> Path:
    """A WAV file that says it is so long, and is, though it takes no room: a file with a hole."""
    rate_hz = 8_000
    sound(path, seconds=1, rate_hz=rate_hz)
    content = bytearray(path.read_bytes())
    per_second = rate_hz * 2 * 3
    data_bytes = int(hours * HOUR_SECONDS) * per_second
    at = content.index(b"data") + 4
    content[at : at + 4] = data_bytes.to_bytes(4, "little")
    content[4:8] = (at + 4 + data_bytes - 8).to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(content)
        file.truncate(at + 4 + data_bytes)
    return path


def test_a_folder_a_text_a_lost_file_and_ten_hours_are_told_and_the_good_one_is_taken(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    folder, text = tmp_path / "stems", tmp_path / "lyrics.txt"
    folder.mkdir()
    text.write_text("no sound")
    gone = tmp_path / "vanished drive" / "take.wav"
    ten_hours = long_file(tmp_path / "rehearsal.wav", 10)
    good = sound(tmp_path / "beat 120bpm.wav")
    before = hashlib.sha256(good.read_bytes()).hexdigest()
    for path, words, advice in (
        (folder, "stems is a folder", "drop the audio files in it"),
        (text, "lyrics.txt is not an audio file", "choose a WAV"),
        (gone, "is not there any more", "Connect its drive"),
        (ten_hours, "lasts 10.0 hours", "use a file of at most 2 hours"),
    ):
        assert drop(window, [path])
        qtbot.waitUntil(lambda words=words: said(window, words) is not None, timeout=WAIT_MS)
        message = said(window, words)
        assert message is not None
        assert advice in message.text
        assert message.kind == "error"
    assert window.project is not None
    assert window.project.session.clips() == []
    # The timeline is right below what was said.
    place = message.mapTo(window, QPoint(0, message.height()))
    assert abs(place.y() - window.timeline.mapTo(window, QPoint(0, 0)).y()) < 200
    assert drop(window, [folder, good])
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
    assert [clip.name for clip in window.project.session.clips()] == ["beat 120bpm"]
    assert hashlib.sha256(good.read_bytes()).hexdigest() == before
    assert not drop(window, []), "what holds no file is not taken"


class TestWithoutAudio:
    @pytest.fixture
    def player(self, tmp_path: Path) -> Player:
        (tmp_path / "devices").mkdir()
        (tmp_path / "devices" / "outputs.json").write_text("[]", encoding="utf-8")
        return Player(None, playback=(sys.executable, str(FAKE_DEVICES), str(tmp_path / "devices")))

    def test_all_but_playing_works_and_a_device_that_comes_is_used(
        self,
        window: MainWindow,
        engine: HandEngine,
        player: Player,
        tmp_path: Path,
        qtbot: QtBot,
    ) -> None:
        words = "no audio device to play through"
        qtbot.waitUntil(lambda: said(window, words) is not None, timeout=WAIT_MS)
        message = said(window, words)
        assert message is not None
        assert "Connect one" in message.text
        assert window.transport.audio.isVisible()
        assert message.button is not None
        qtbot.mouseClick(message.button, Qt.MouseButton.LeftButton)
        page = window.pages.settings
        assert page is not None
        assert words in page.audio_said.text()
        page.reject()
        window.activateWindow()  # as a window manager does when a dialog closes
        window.timeline.setFocus()
        add_clip(window, tmp_path, qtbot)
        assert len(render(window, engine, qtbot)) == 2
        outputs = [{"name": "Speakers", "rate_hz": 48_000, "is_default": True}]
        there = tmp_path / "devices" / "outputs.json"
        there.with_suffix(".part").write_text(json.dumps(outputs), encoding="utf-8")
        there.with_suffix(".part").replace(there)
        qtbot.waitUntil(lambda: not window.transport.audio.isVisible(), timeout=WAIT_MS)
        press(window, Key.Key_Space)
        qtbot.waitUntil(lambda: player.is_playing, timeout=WAIT_MS)


class KilledEngine:
    """The real client, with a worker that is killed by the first request and does the next."""

    def __init__(self) -> None:
        self._client = EngineClient(settings=QUICK, command=FAKE)
        self.renders = 0

    def render(
        self, model: Path, request: dict[str, Any], out: Path, folder: Path | None
    ) -> Iterator[Event]:
        self.renders += 1
        act = ["kill", 9] if self.renders == 1 else ["note", "It goes on."]
        return self._client.render(model, {"play": [act]}, out, folder)

    def cancel(self) -> None:
        self._client.cancel()

    def pause(self) -> None:
        self._client.pause()

    def resume(self) -> None:
        self._client.resume()

    def close(self) -> None:
        self._client.close()


class TestWithAnEngineThatIsKilled:
    @pytest.fixture
    def engine(self) -> KilledEngine:
        return KilledEngine()

    def test_it_is_told_and_the_job_goes_on_with_another_worker(
        self, window: MainWindow, engine: KilledEngine, tmp_path: Path, qtbot: QtBot
    ) -> None:
        add_clip(window, tmp_path, qtbot)
        press(window, Key.Key_Return, CTRL)
        qtbot.waitUntil(lambda: bool(window.queue_panel.model.rows), timeout=WAIT_MS)
        qtbot.waitUntil(
            lambda: any(r.state == "failed" for r in window.queue_panel.model.rows),
            timeout=WAIT_MS,
        )
        [message] = [m for m in window.messages.messages if m.button is not None]
        assert message.kind == "error"
        assert "engine" in message.text
        assert message.button is not None
        assert message.button.text() == "Resume"
        qtbot.mouseClick(message.button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: said(window, "It goes on.") is not None, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: not window.queue_panel.model.rows, timeout=WAIT_MS)
        assert engine.renders == 2


@pytest.mark.parametrize("way", ["export", "copy", "drag", "selection as FLAC"])
def test_a_disk_that_is_full_is_told_and_loses_nothing(
    way: str,
    window: MainWindow,
    engine: HandEngine,
    player: NotedPlayer,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_clip(window, tmp_path, qtbot)
    a, _ = render(window, engine, qtbot)
    window.history.choose(a)
    assert window.project is not None
    session = window.project.session
    exports = tmp_path / "exports"
    before = session.variant(a).audio_path.read_bytes()
    if way == "selection as FLAC":
        window.store.change(export_as_flac=True)
        lane = next(lane for lane in window.timeline.lanes() if lane.id == f"variant-{a}")
        window.timeline.selection_changed.emit(lane.start_seconds, lane.start_seconds + 0.5)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    dragged: list[object] = []
    monkeypatch.setattr("ui.outbox.QDrag.exec", lambda *_: dragged.append(1))
    with monkeypatch.context() as now:
        now.setattr(os, "fsync", full)  # where a disk says at last that there is no room
        if way == "drag":
            window.history.drag_wanted.emit([a])
        else:
            press(window, Key.Key_C if way == "copy" else Key.Key_S, CTRL)
        words = "No space left on device"
        qtbot.waitUntil(lambda: said(window, words) is not None, timeout=WAIT_MS)
    message = said(window, words)
    assert message is not None
    assert message.kind == "error"
    assert "Make room or choose another" in message.text
    assert dragged == []
    assert not exports.exists() or list(exports.iterdir()) == [], "no half of a file"
    assert session.variant(a).audio_path.read_bytes() == before
    assert session.placements(a) == []
    # With room again, the same key does it.
    press(window, Key.Key_S, CTRL)
    qtbot.waitUntil(lambda: said(window, "Exported to") is not None, timeout=WAIT_MS)
    [file] = exports.iterdir()
    assert file.suffix == (".flac" if way == "selection as FLAC" else ".wav")


def test_a_project_on_a_drive_that_is_gone_is_grey_among_the_recent_ones(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    Session.create(tmp_path / "other").close()
    window.store.change(recent=(str(tmp_path / "other"), str(tmp_path / "gone")))
    window.menus.recent.aboutToShow.emit()
    qtbot.waitUntil(
        lambda: [a.isEnabled() for a in window.menus.recent.actions()] == [True, False],
        timeout=WAIT_MS,
    )
    window.menus.recent.actions()[0].trigger()
    qtbot.waitUntil(
        lambda: window.project is not None and window.project.name == "other", timeout=WAIT_MS
    )
    assert window.windowTitle().startswith("other")
    assert window.store.settings.recent[0] == str(tmp_path / "other")
