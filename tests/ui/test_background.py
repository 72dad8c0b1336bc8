"""Slow work goes on in threads that nobody has to wait for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import FrameType

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from jukebox_studio.errors import JukeboxError
from ui.background import Background

WAIT_MS = 20_000


def fail(error: Exception) -> None:
    raise error


def test_work_is_done_elsewhere_and_told_here(qtbot: QtBot) -> None:
    background = Background()
    told: list[tuple[int, bool]] = []
    here = threading.get_ident()

    def take(result: int) -> None:
        told.append((result, threading.get_ident() == here))

    background.start(lambda: int(threading.get_ident() == here), take)
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT_MS)
    assert told == [(0, True)]
    background.close()


def test_what_goes_wrong_is_a_sentence(qtbot: QtBot) -> None:
    background = Background()
    said: list[str] = []
    background.failed.connect(said.append)

    background.start(lambda: fail(JukeboxError("No room.")), print)
    background.start(lambda: fail(ValueError("odd")), print, lambda text: said.append("!" + text))
    qtbot.waitUntil(lambda: len(said) == 2, timeout=WAIT_MS)
    assert "No room." in said
    assert any(text.startswith("!") and "odd" in text for text in said)
    background.close()


def test_one_thread_keeps_the_order(qtbot: QtBot) -> None:
    background = Background(threads=1)
    done: list[int] = []
    for number in range(50):
        background.start(lambda number=number: number, done.append)  # type: ignore[misc]
    qtbot.waitUntil(lambda: len(done) == 50, timeout=WAIT_MS)
    assert done == list(range(50))
    background.close()


def test_as_many_threads_as_there_is_work_and_no_more(qtbot: QtBot) -> None:
    background = Background(threads=3)
    together = threading.Barrier(3, timeout=20)
    seen: set[int] = set()

    def work() -> int:
        together.wait()
        return threading.get_ident()

    for _ in range(6):
        background.start(work, seen.add)
    background.wait(20)
    qtbot.waitUntil(lambda: len(seen) == 3, timeout=WAIT_MS)
    background.close()


def test_after_closing_nothing_begins_and_nothing_is_told(qapp: QApplication, qtbot: QtBot) -> None:
    background = Background(threads=1)
    go, begun = threading.Event(), threading.Event()
    told: list[str] = []

    def work() -> str:
        begun.set()
        go.wait(20)
        return "first"

    background.start(work, told.append)
    background.start(lambda: "second", told.append)
    assert begun.wait(20)
    background.close(0.0)
    go.set()
    background.wait(20)
    background.start(lambda: "third", told.append)
    qapp.processEvents()
    assert told == []


def test_a_result_is_waited_for_while_the_loop_goes_on(qtbot: QtBot) -> None:
    background = Background()
    ticked = threading.Event()
    timer = QTimer()
    timer.timeout.connect(ticked.set)
    timer.start(1)
    # It ends only because the timer of this thread goes on.
    assert background.result(lambda: ticked.wait(20)) is True
    with pytest.raises(JukeboxError, match="No room"):
        background.result(lambda: fail(JukeboxError("No room.")))
    background.close()


@pytest.mark.parametrize("closes", ["background.close(0.1)", "del background", "pass"])
def test_work_that_never_ends_keeps_no_program_from_ending(closes: str) -> None:
    code = (
        "import sys, threading\n"
        "from PyQt6.QtCore import QCoreApplication\n"
        "from ui.background import Background\n"
        "app = QCoreApplication([])\n"
        "background = Background()\n"
        "begun = threading.Event()\n"
        "background.start(lambda: (begun.set(), threading.Event().wait()), print)\n"
        f"begun.wait()\n{closes}\n"
        "sys.exit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 3


def test_what_waits_for_a_result_is_let_go_on_the_windows_thread(qtbot: QtBot) -> None:
    """What it holds may be Qt's, which only this thread may delete."""
    let_go: list[int] = []

    class Held:
        def __del__(self) -> None:
            let_go.append(threading.get_ident())

    def linger(frame: FrameType, event: str, called: object) -> None:
        if event == "c_return" and getattr(called, "__name__", "") == "emit":
            time.sleep(0.2)  # the window's thread is done with the result meanwhile

    def begin() -> None:
        held = Held()
        background.start(lambda: sys.setprofile(linger), lambda _, held=held: None)  # type: ignore[misc]

    background = Background()
    begin()
    qtbot.waitUntil(lambda: bool(let_go), timeout=WAIT_MS)
    assert let_go == [threading.get_ident()]
    background.close()
