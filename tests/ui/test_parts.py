"""Settings, licences, one window of a user, the import, and the first start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QPlainTextEdit
from pytestqt.qtbot import QtBot
from ui_parts import NotedPlayer

from jukebox_studio.bundle import Found, open_bundle
from jukebox_studio.licences import CC_BY_SA_4, OPENAI_JUKEBOX
from ui.app import listen, server_name, tell_running
from ui.messages import MessageBar
from ui.models_page import ModelsPage, may_i_release
from ui.queue_panel import Done, time_text
from ui.settings import SettingsStore
from ui.settings_file import Settings, read_settings, write_settings
from ui.window import MainWindow


def test_settings_come_back_and_what_is_wrong_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "settings.json"
    assert read_settings(path) == (Settings(), "")
    settings = Settings(theme="light", keys={"play": "K"}).with_recent(Path("/a"))
    write_settings(path, settings)
    assert read_settings(path) == (settings, "")
    data = json.loads(path.read_text()) | {"theme": "pink", "of a newer version": 1}
    path.write_text(json.dumps(data))
    read, fault = read_settings(path)
    assert read == Settings(theme="dark", keys={"play": "K"}, recent=("/a",))
    assert "theme" in fault
    path.write_text("{")
    read, fault = read_settings(path)
    assert read == Settings()
    assert str(path) in fault


def test_settings_are_written_in_another_thread_and_the_last_ones_stay(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, threads = threading.get_ident(), set()

    def write(path: Path, settings: Settings) -> None:
        threads.add(threading.get_ident())
        write_settings(path, settings)

    monkeypatch.setattr("ui.settings.write_settings", write)
    store = SettingsStore(tmp_path / "settings.json")
    for number in range(50):
        store.change(engine_threads=number)
    store.wait()
    assert read_settings(store.path)[0].engine_threads == 49
    assert here not in threads
    store.path.unlink()
    store.path.mkdir()  # as good as a full disk
    with qtbot.waitSignal(store.failed):
        store.change(engine_threads=1)


def test_long_credits_are_not_laid_out_at_once(tiny_bundle: Path, qtbot: QtBot) -> None:
    bundle = open_bundle(tiny_bundle)
    credits = tuple(f"A piece of music, number {number}" for number in range(300))
    manifest = bundle.manifest.model_copy(update={"attribution": credits})
    many = replace(bundle, manifest=manifest)
    page = ModelsPage()
    qtbot.addWidget(page)
    page.set_models([Found("tiny", tiny_bundle, many)], (), "")
    assert max(len(label.text()) for label in page.findChildren(QLabel)) < 1_000
    [shown] = [t for t in page.findChildren(QPlainTextEdit) if credits[0] in t.toPlainText()]
    assert credits[-1] in shown.toPlainText()
    assert shown.isReadOnly()


def test_a_window_that_was_opened_used_and_closed_has_not_reached_torch(tmp_path: Path) -> None:
    code = (
        "import gc, sys\n"
        "from pathlib import Path\n"
        "from PyQt6.QtTest import QTest\n"
        "from ui.app import application, make_window\n"
        "app = application()\n"
        "window = make_window(app, Path(sys.argv[1]) / 'log')\n"
        "window.show()\n"
        "window.open_first_project()\n"
        "for _ in range(600):\n"
        "    QTest.qWait(100)\n"
        "    if window.clip_id is not None and window.model is not None:\n"
        "        break\n"
        "assert window.request_panel.generate.isEnabled()\n"
        "window.close()\n"
        "assert gc.get_freeze_count() > 0\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'torch']\n"
    )
    folders = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_DOCUMENTS_DIR", "HOME")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {name: str(tmp_path) for name in folders},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_without_qt_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['PyQt6'] = None; sys.argv = ['jukebox-studio', 'window'];"
        "from jukebox_studio.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "'jukebox-studio[window]'" in done.stderr


def test_a_licence_is_answered_plainly() -> None:
    assert may_i_release(CC_BY_SA_4).startswith("Yes, commercially too.")
    answer = may_i_release(OPENAI_JUKEBOX)
    assert answer.startswith("Yes, but not commercially")
    assert "Created using OpenAI's Jukebox." in answer


def test_a_noncommercial_licence_is_accepted_on_the_page(tiny_bundle: Path, qtbot: QtBot) -> None:
    bundle = open_bundle(tiny_bundle)
    manifest = bundle.manifest.model_copy(update={"licence": OPENAI_JUKEBOX})
    found = Found("tiny", tiny_bundle, type(bundle)(tiny_bundle, manifest))
    broken = Found("broken", tiny_bundle / "no", None, "The manifest of broken is damaged.")
    page = ModelsPage()
    qtbot.addWidget(page)
    page.set_models([found, broken], [], "tiny")
    assert not page.use.isEnabled()
    assert page.accept_box is not None
    with qtbot.waitSignal(page.accepted_changed) as accepted:
        page.accept_box.click()
    assert accepted.args == ["tiny", True]
    with qtbot.waitSignal(page.chosen) as chosen:
        page.use.click()
    assert chosen.args == ["tiny"]
    page.choose("broken")
    assert not page.use.isEnabled()


@pytest.mark.parametrize(("code", "said"), [(0, "is imported"), (2, "no checkpoints here")])
def test_an_import_tells_what_it_does(code: int, said: str, tmp_path: Path, qtbot: QtBot) -> None:
    page = ModelsPage()
    qtbot.addWidget(page)
    script = f"import sys; print('needs 4 GB'); print('no checkpoints here'); sys.exit({code})"
    page.start_import(tmp_path, (sys.executable, "-c", script))
    qtbot.waitUntil(page.import_button.isEnabled, timeout=20_000)
    assert said in page.import_said.text()


def test_a_second_start_hands_its_files_to_the_first(tmp_path: Path, qtbot: QtBot) -> None:
    name = f"{server_name()}-{tmp_path.name}"
    assert not tell_running(name, [])
    server = listen(name)
    assert server is not None
    with qtbot.waitSignal(server.newConnection, timeout=10_000):
        assert tell_running(name, [tmp_path / "a.wav"])
    socket = server.nextPendingConnection()
    assert socket is not None
    qtbot.waitUntil(socket.canReadLine, timeout=10_000)
    assert bytes(socket.readLine().data()).decode().strip() == str(tmp_path / "a.wav")
    server.close()


def test_the_first_start_has_the_demo_clip(
    window: MainWindow, player: NotedPlayer, qtbot: QtBot
) -> None:
    window.store.change(recent=())
    window.open_first_project()
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=30_000)
    assert [row.name for row in window.inbox.model.rows] == ["industrial-120bpm"]
    assert window.inbox.model.rows[0].tempo_bpm == 120
    assert window.project is not None
    folder = window.project.session.folder
    assert window.store.settings.recent == (str(folder),)
    # The next start opens it again.
    window.open_first_project()
    assert window.project.session.folder == folder


def test_messages_that_matter_stay_on_top(qtbot: QtBot) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    bar.say("heard")
    bar.say("broken", "error")
    assert [m.text for m in bar.messages] == ["broken"]
    asked: list[int] = []
    bar.say("choose", "warning", ("Do it", lambda: asked.append(1)))
    bar.say("broken", "error")
    assert [m.text for m in bar.messages] == ["broken", "choose"]
    button = bar.messages[1].button
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert asked == [1]
    assert [m.text for m in bar.messages] == ["broken"]


def test_progress_never_goes_back() -> None:
    first = Done.after(10.0, 10.0, None)
    assert (first.share, first.seconds_left) == (0.5, 10.0)
    assert Done.after(20.0, 60.0, first).share == 0.5
    assert Done.after(0.0, float("nan"), None).share == 0.0
    assert [time_text(s) for s in (0.2, 59, 200, 4_900)] == ["1 s", "59 s", "3 min", "1 h 22 min"]
