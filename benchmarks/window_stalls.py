"""How long the window ever lets a musician wait, in a session of ten minutes.

    python benchmarks/window_stalls.py --minutes 10

The real window under Xvfb, with the process that plays on a null sink and a worker that renders
with the starter. A script does what musicians do, at their speed: it drops clips, selects, zooms,
scrolls, generates, switches variants while it plays, rates, hides, undoes, types words, changes
style and settings, drags out, opens and leaves projects, one of them with 2,000 variants.

A timer in the event loop ticks every 5 ms. Where a tick is late by more than 16 ms, that is a
stall, and its time is told three ways: the main thread computed, or stood still (waiting for a
disk, a lock or another thread of ours), or was ready and had no processor, because of something
else on the machine. The first two are ours. A signal meanwhile writes down the main thread's stack,
whoever holds the interpreter. Linux with xvfb, openbox, xdotool, pulseaudio, libasound2-plugins.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from null_sink import null_sink

TICK_MS = 5
STALL_MS = 16.0
ALLOWED_MS = 50.0
WORST = 12
THREADS_TICKS = 200
"""After which it is seen which threads there are by now."""
WORDS = "down by the river we were waiting\nfor the morning light to find us there\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="actions whose names contain this, over and over")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return session(options.inside, options.minutes * 60, options.seed, options.only)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        environment = desktop(Path(name), stack)
        command = [sys.executable, __file__, *sys.argv[1:], "--inside", name]
        code = subprocess.run(command, env=environment, check=False).returncode
    if code not in (0, 1):
        print(f"the window ended with {code}")
    return code


def desktop(folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    """A screen with a window manager, and a sound server whose sink leads nowhere."""

    def start(*command: str, **more: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # type: ignore[call-overload]
            command, **{"stderr": subprocess.DEVNULL, "env": environment, **more}
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return process  # type: ignore[no-any-return]

    environment = null_sink(folder, stack, 48_000) | {
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "JUKEBOX_STUDIO_EXPORTS": str(folder / "exports"),
        "QT_QPA_PLATFORM": "xcb",
    }
    read, write = os.pipe()
    screen = ("-screen", "0", "1600x1000x24", "-nolisten", "tcp")
    start("Xvfb", "-displayfd", str(write), *screen, pass_fds=(write,))
    os.close(write)
    with os.fdopen(read) as told:
        environment["DISPLAY"] = f":{told.readline().strip()}"
    start("openbox")
    return environment


# Watching the loop -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stall:
    """The loop was late by so long, in milliseconds."""

    action: str
    late: float
    computed: float
    unserved: float
    """Ready to run, without a processor."""
    beside: float
    """Computed by other threads of ours meanwhile."""
    beside_unserved: float
    """Other threads of ours were ready, without a processor; one may hold what is waited for."""
    stacks: str

    @property
    def ours(self) -> float:
        return self.late - self.unserved


class Watch:
    """Ticks in the event loop of the main thread, and notes where a tick is late."""

    def __init__(self, folder: Path) -> None:
        from PyQt6.QtCore import Qt, QTimer

        self.action = "start"
        """What is done now, or was just done: its work may come after its event."""
        self.stalls: list[Stall] = []
        self.ticks = 0
        self._stacks = os.open(folder / "stacks", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        # In C, so that it speaks while another thread, or a long call, holds the interpreter. Only
        # the thread that gets the signal tells of itself: to walk what others are at, while they
        # go on, ends in a crash sooner or later.
        faulthandler.register(signal.SIGALRM, file=self._stacks, all_threads=False)
        self._schedstats: list[int] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._find_threads()
        self._timer.start()

    def _now(self) -> tuple[float, ...]:
        """Milliseconds by the clock, of computing, of waiting for a processor, of all threads'
        computing, and of the others' waiting for a processor.
        """
        waited_ms = [1e-6 * int(os.pread(at, 100, 0).split()[1]) for at in self._schedstats]
        own_ms = 1e3 * time.thread_time()
        clock_ms, all_ms = 1e3 * time.perf_counter(), 1e3 * time.process_time()
        return clock_ms, own_ms, waited_ms[0], all_ms, sum(waited_ms[1:])

    def _find_threads(self) -> None:
        """The main thread comes first."""
        for file in self._schedstats:
            os.close(file)
        self._schedstats = []
        for task in sorted(os.listdir("/proc/self/task"), key=int):
            with contextlib.suppress(OSError):  # it has ended
                self._schedstats.append(os.open(f"/proc/self/task/{task}/schedstat", os.O_RDONLY))
        self._before = self._now()

    def _tick(self) -> None:
        try:
            now = self._now()
        except OSError:  # a thread has ended
            self._find_threads()
            return
        passed, computed, waited, all_, others = (
            b - a for a, b in zip(self._before, now, strict=True)
        )
        self._before = now
        self.ticks += 1
        late = passed - TICK_MS
        if late > STALL_MS:
            told = os.pread(self._stacks, 2**20, 0).decode()
            beside = max(0.0, all_ - computed)
            unserved = min(waited, late)
            self.stalls.append(Stall(self.action, late, computed, unserved, beside, others, told))
            self._before = self._now()
        if self.ticks % THREADS_TICKS == 0:
            self._find_threads()
        if os.fstat(self._stacks).st_size:
            os.ftruncate(self._stacks, 0)
        signal.setitimer(signal.ITIMER_REAL, 0.001 * (TICK_MS + STALL_MS), 0.010)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._timer.stop()

    def report(self, seconds: float) -> bool:
        """Prints what was seen; whether every stall of ours is within what is allowed."""
        ours = sorted((s for s in self.stalls if s.ours > STALL_MS), key=lambda s: -s.ours)
        print(
            f"{seconds:.0f} s, {self.ticks} ticks, load {os.getloadavg()[0]:.1f} on "
            f"{os.cpu_count()} processors: late by over {STALL_MS:.0f} ms {len(self.stalls)} "
            f"times, {len(ours)} of them ours"
        )
        for what, values in (
            ("by the clock", [s.late for s in self.stalls]),
            ("ours", [s.ours for s in self.stalls]),
            ("computed", [s.computed for s in self.stalls]),
        ):
            ordered = sorted([*values, 0.0], reverse=True)[:5]
            print(f"longest {what}: " + ", ".join(f"{value:.1f}" for value in ordered) + " ms")
        for stall in ours[:WORST]:
            print(
                f"\n{stall.action}: {stall.late:.1f} ms late; computed {stall.computed:.1f}, "
                f"without a processor {stall.unserved:.1f}, other threads computed "
                f"{stall.beside:.1f} and had none for {stall.beside_unserved:.1f}"
            )
            for who, frames in stacks_of(stall.stacks):
                print(f"  {who}: {frames}")
        counts = Counter(s.action for s in ours)
        print("\nours, by action: " + ", ".join(f"{a} {n}" for a, n in counts.most_common()))
        return not ours or ours[0].ours < ALLOWED_MS


def stacks_of(text: str) -> list[tuple[str, str]]:
    """What the main thread was seen at most often, or another that got the signal."""
    found: Counter[tuple[str, str]] = Counter()
    for dump in re.findall(r"Stack .*\n((?:  .*\n)+)", text):
        frames = re.findall(r'File "([^"]+)", line (\d+)(?: in (\S+))?', dump)
        calls = [f"{Path(f).stem}:{n} {name}" for f, n, name in frames]
        own = [call for call in calls if not call.startswith("window_stalls")]
        who = "main" if len(own) < len(calls) else "beside"
        found[who, " < ".join(own[:9]) or "Qt itself"] += 1
    return [(f"{who}, {times} x", frames) for (who, frames), times in found.most_common(5)]


# The musician ------------------------------------------------------------------------------------


def session(home: Path, seconds: float, seed: int, only: str | None) -> int:
    from PyQt6.QtCore import QEventLoop, QTimer
    from window_start import make_large
    from window_timeline import noise

    from ui.app import application, make_window
    from ui.first_start import demo_clip

    faulthandler.enable()
    large = home / "projects" / "large"
    make_large(large)
    long = noise(home, "PCM_16", 10).rename(home / "ten minutes.wav")
    app = application()
    window = make_window(app, home / "log")
    window.store.change(projects_folder=str(home / "projects"), was_toured=True)
    window.show()
    window.open_first_project()
    watch = Watch(home)
    files = [long, demo_clip()]
    musician = Musician(window, watch, home, large, files, random.Random(seed))
    began = time.monotonic()

    def act(steps: Iterator[float]) -> None:
        if time.monotonic() - began > seconds:
            watch.stop()
            loop.quit()
            return
        try:
            wait = next(steps)
        except Exception:  # the window would only tell of it
            traceback.print_exc()
            os._exit(2)
        QTimer.singleShot(round(1000 * wait), lambda: act(steps))

    loop = QEventLoop()
    act(musician.play_about(only))
    loop.exec()
    told = watch.report(time.monotonic() - began)
    made = musician.made()
    print(f"\n{musician.actions} actions; {made}")
    heavy = sorted({"aubio", "pyloudnorm", "scipy"} & set(sys.modules))
    print(f"imported in the window's process that should not be: {heavy or 'nothing'}")
    closing = time.perf_counter()
    window.close()
    print(f"closing the window: {1e3 * (time.perf_counter() - closing):.0f} ms")
    return 0 if told else 1


class Musician:
    """What a hand does, in steps, and how many seconds the hand rests after each."""

    def __init__(
        self,
        window,
        watch: Watch,
        home: Path,
        large: Path,
        files: list[Path],
        chance: random.Random,
    ) -> None:
        self.window, self.home, self.large, self.files = window, home, large, files
        self.watch = watch
        self.chance = chance
        self.own = window.project.session.folder
        self.actions = 0

    def made(self) -> str:
        window = self.window
        exported = len(list((self.home / "exports").glob("*")))
        rendered = len(list(self.own.glob("variants/job-*/*.json")))
        return (
            f"{rendered} variants rendered, {exported} files exported, "
            f"{window.player.dropouts} dropouts told by the device"
        )

    def play_about(self, only: str | None) -> Iterator[float]:
        from PyQt6.QtWidgets import QApplication

        yield 2.0
        while self.window.model is None or self.window.clip_id is None:
            yield 0.2
        yield from self._step(self.generate)
        doings: list[Callable[[], Iterator[float]]] = [
            self.select, self.zoom, self.scroll, self.play_and_switch, self.rate, self.hide,
            self.undo_and_redo, self.style, self.words, self.drag_out, self.generate,
            self.search, self.tree, self.operations, self.queue, self.settings, self.pages,
            self.drop, self.toggles, self.theme, self.resize, self.clips, self.export,
            self.full_queue, self.other_project,
        ]  # fmt: skip
        while True:
            for doing in doings:
                if only is None or only in doing.__name__:
                    yield from self._step(doing)
                    while popup := QApplication.activePopupWidget():
                        popup.close()
            self.chance.shuffle(doings)

    def _step(self, doing: Callable[[], Iterator[float]]) -> Iterator[float]:
        self.watch.action = doing.__name__.replace("_", " ")
        for rest in doing():
            self.actions += 1
            yield rest
        yield 0.5

    # Hands

    def key(self, key: str, on=None) -> None:
        from PyQt6.QtCore import Qt
        from PyQt6.QtGui import QKeySequence
        from PyQt6.QtTest import QTest

        pressed = QKeySequence(key)[0]
        QTest.keyClick(on or self.window, pressed.key(), pressed.keyboardModifiers())
        assert isinstance(pressed.key(), Qt.Key)

    def type(self, text: str, on) -> Iterator[float]:
        from PyQt6.QtTest import QTest

        on.setFocus()
        for letter in text:
            if letter == "\n":
                self.key("Return", on)
            else:
                QTest.keyClicks(on, letter)
            yield 0.09

    def mouse(self, kind: str, place, buttons=None, modifiers=None, on=None) -> None:
        from PyQt6.QtCore import QEvent, QPointF, Qt
        from PyQt6.QtGui import QMouseEvent
        from PyQt6.QtWidgets import QApplication

        on = on or self.window.timeline.viewport()
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        event = QMouseEvent(
            QEvent.Type[kind],
            QPointF(place),
            QPointF(on.mapToGlobal(place)),
            none if kind == "MouseMove" else left,
            none if kind == "MouseButtonRelease" else left if buttons is None else buttons,
            modifiers or Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(on, event)

    def wheel(self, steps: float, modifiers=None, x: float = 0.5) -> None:
        from PyQt6.QtCore import QPoint, QPointF, Qt
        from PyQt6.QtGui import QWheelEvent
        from PyQt6.QtWidgets import QApplication

        canvas = self.window.timeline.viewport()
        place = QPointF(canvas.width() * x, canvas.height() * 0.5)
        event = QWheelEvent(
            place,
            QPointF(canvas.mapToGlobal(place)),
            QPoint(),
            QPoint(0, round(120 * steps)),
            Qt.MouseButton.NoButton,
            modifiers or Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(canvas, event)

    def stroke(self, begin, end, steps: int = 14) -> Iterator[float]:
        from PyQt6.QtCore import QPoint

        self.mouse("MouseMove", begin)
        self.mouse("MouseButtonPress", begin)
        for step in range(1, steps + 1):
            part = step / steps
            x = begin.x() + part * (end.x() - begin.x())
            y = begin.y() + part * (end.y() - begin.y())
            yield 0.03
            self.mouse("MouseMove", QPoint(round(x), round(y)))
        self.mouse("MouseButtonRelease", end)
        yield 0.4

    def _place(self, x: float, y: float):
        from PyQt6.QtCore import QPoint

        canvas = self.window.timeline.viewport()
        return QPoint(round(canvas.width() * x), round(canvas.height() * y))

    # What is done

    def select(self) -> Iterator[float]:
        first = self.chance.uniform(0.2, 0.6)
        yield from self.stroke(self._place(first, 0.3), self._place(first + 0.2, 0.35))
        for number in range(20):
            self.mouse("MouseMove", self._place(0.02 + number / 22, 0.4))
            yield 0.03

    def zoom(self) -> Iterator[float]:
        for turn in [1] * 12 + [-1] * 8:
            self.wheel(turn, x=self.chance.uniform(0.3, 0.9))
            yield 0.05
        self.key("F", self.window.timeline)
        yield 0.3

    def scroll(self) -> Iterator[float]:
        from PyQt6.QtCore import Qt

        for turn in [1] * 6 + [-1] * 30 + [1] * 20:
            self.wheel(turn, Qt.KeyboardModifier.ShiftModifier)
            yield 0.03
        for turn in [-1] * 6 + [1] * 6:
            self.wheel(turn, x=0.05)
            yield 0.05

    def play_and_switch(self) -> Iterator[float]:
        self.key("Home")
        self.key("Space")
        yield 1.0
        for key in "1234012b1b2b0":
            self.key(key)
            yield 0.4
        yield from self.select()
        self.key("L")
        yield 2.5
        self.key("L")
        self.key("Space")
        yield 0.3

    def _choose(self) -> bool:
        nodes = list(self.window.history.model.nodes)
        if nodes:
            self.window.history.choose(self.chance.choice(nodes).variant.id)
        return bool(nodes)

    def rate(self) -> Iterator[float]:
        for _ in range(4):
            self._choose()
            yield 0.3
            self.key(f"Alt+{self.chance.randint(1, 5)}")
            yield 0.4

    def hide(self) -> Iterator[float]:
        if self._choose():
            self.key("H")
            yield 0.5
            self.window.history.hidden_button.click()
            yield 0.5
            self.window.history.hidden_button.click()
            yield 0.3
            self.key("Ctrl+Z")
            yield 0.3

    def undo_and_redo(self) -> Iterator[float]:
        for _ in range(5):
            self.key("Ctrl+Z")
            yield 0.4
        for _ in range(5):
            self.key("Ctrl+Shift+Z")
            yield 0.4

    def tree(self) -> Iterator[float]:
        for key in ("Ctrl+B", "Del", "Ctrl+Z"):
            if self._choose():
                yield 0.3
                self.key(key)
                yield 0.5
        if self._choose():
            yield from self.type("dry, good end", self.window.history.note)
            self.window.timeline.setFocus()
            yield 0.3

    def generate(self) -> Iterator[float]:
        panel = self.window.request_panel
        panel.length.setValue(1)
        panel.variants.setValue(2)
        yield 0.4
        self.key("Ctrl+Return")
        yield 1.0

    def operations(self) -> Iterator[float]:
        for name in ("restyle", "relyric", "vary", "continue"):
            self.window.request_panel.operation_buttons[name].click()
            yield 0.6

    def style(self) -> Iterator[float]:
        panel = self.window.request_panel
        names = self.window.model.artists
        pad = panel.style_pad
        for name in self.chance.sample(names, min(3, len(names))):
            pad.add("artists", name)
            yield 0.5
        for share in range(20):
            panel.set_blend(share / 20)
            yield 0.03
        for name in names:
            pad.remove("artists", name)
        yield 0.4
        panel.set_keep(0.3)
        yield 0.2

    def words(self) -> Iterator[float]:
        panel = self.window.request_panel
        panel.operation_buttons["relyric"].click()
        yield 0.6
        yield from self.type(WORDS, panel.lyrics.new)
        yield 0.5
        panel.lyrics.new.clear()
        panel.operation_buttons["continue"].click()
        yield 0.4

    def search(self) -> Iterator[float]:
        box = self.window.history.search
        yield from self.type("continue", box)
        yield 0.6
        box.clear()
        yield 0.6
        self.window.timeline.setFocus()

    def drag_out(self) -> Iterator[float]:
        """By a real mouse, since dragging goes through the X server; dropped on the screen."""
        lanes = self.window.timeline.lanes()
        if len(lanes) < 2:
            return
        at = self.window.timeline._lane_rect(1).center()
        place = self.window.timeline.viewport().mapToGlobal(at.toPoint())
        x, y = self.window.timeline.viewport().mapToGlobal(self._place(0.03, 0.0)).x(), place.y()
        moves = [
            part
            for n in range(12)
            for part in ("mousemove", str(x + 8 * n), str(y), "sleep", "0.05")
        ]
        command = ["xdotool", *moves[:5], "mousedown", "1", "sleep", "0.2", *moves[5:]]
        hand = subprocess.Popen([*command, "mouseup", "1"])
        while hand.poll() is None:
            yield 0.1
        yield 0.5

    def export(self) -> Iterator[float]:
        if self._choose():
            for key in ("Ctrl+S", "Ctrl+C"):
                self.key(key)
                yield 0.6

    def queue(self) -> Iterator[float]:
        panel = self.window.queue_panel
        for button in (panel.all, panel.all, panel.hold, panel.again, panel.down):
            if button.isVisible() and button.isEnabled():
                button.click()
            yield 0.6

    def full_queue(self) -> Iterator[float]:
        """Twenty jobs, of which the last are cancelled again."""
        for _ in range(max(0, 20 - len(self.window.queue_panel.model.rows))):
            self.key("Ctrl+Return")
            yield 0.15
        yield 5.0
        while len(self.window.queue_panel.model.rows) > 3:
            panel = self.window.queue_panel
            panel.list.setCurrentIndex(panel.model.index(len(panel.model.rows) - 1))
            panel.stop.click()
            yield 0.2

    def settings(self) -> Iterator[float]:
        self.key("Ctrl+,")
        yield 0.5
        page = self.window.pages.settings
        for tab in range(page.tabs.count()):
            page.tabs.setCurrentIndex(tab)
            yield 0.4
        self.window.store.change(export_as_flac=not self.window.store.settings.export_as_flac)
        self.window.store.change(buffer_samples=self.chance.choice((0, 512, 1024)))
        yield 0.5
        page.close()
        yield 0.3

    def pages(self) -> Iterator[float]:
        pages = self.window.pages
        for open_page in (pages.show_models, pages.show_keys, pages.show_tour):
            open_page()
            yield 0.8
            for name in ("models", "keys"):
                if (page := getattr(self.window.pages, name)) is not None:
                    page.close()
            if self.window.pages.tour is not None:
                self.window.pages.tour.end()
            yield 0.3
        for menu in self.window.menuBar().actions():
            menu.menu().popup(self.window.mapToGlobal(self._place(0.1, 0.1)))
            yield 0.2
            menu.menu().close()

    def toggles(self) -> Iterator[float]:
        for key in "SMSMWW":
            self.key(key)
            yield 0.6
        for place in (1, 2, 0):
            self.window.tool_row.pre_roll.setCurrentIndex(place)
            self.window.tool_row.pre_roll.activated.emit(place)
            yield 0.3

    def theme(self) -> Iterator[float]:
        for _ in range(2):
            self.key("Ctrl+Shift+L")
            yield 1.0

    def resize(self) -> Iterator[float]:
        for step in range(12):
            self.window.resize(1280 + 20 * step, 800 + 10 * step)
            yield 0.05
        self.window.resize(1280, 800)
        yield 0.4

    def drop(self) -> Iterator[float]:
        from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
        from PyQt6.QtGui import QDropEvent
        from PyQt6.QtWidgets import QApplication

        for path in self.files:
            mime = QMimeData()
            mime.setUrls([QUrl.fromLocalFile(str(path))])
            event = QDropEvent(
                QPointF(600, 400),
                Qt.DropAction.CopyAction,
                mime,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
            QApplication.sendEvent(self.window, event)
            yield 4.0

    def clips(self) -> Iterator[float]:
        rows = self.window.inbox.model.rows
        for row in [row.id for row in rows[:6]] + [row.id for row in rows if row.variants]:
            self.window.inbox.choose(row)
            yield 0.5
        self.window.inbox.twice.click()
        yield 0.3
        self.window.inbox.half.click()
        yield 0.3

    def other_project(self) -> Iterator[float]:
        self.window.open_project(self.large)
        yield 1.5
        yield from self.clips()
        yield from self.rate()
        yield from self.undo_and_redo()
        yield from self.search()
        yield from self.scroll()
        self.window.open_project(self.own)
        yield 1.5
        # What ran is offered again, and goes on.
        if self.window.project.is_paused:
            self.key("P")
        yield 0.3


if __name__ == "__main__":
    sys.exit(main())
