"""The real window as a screen reader meets it: over AT-SPI, on a screen and a bus of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from daw.desk import needed_for_a_screen, screen
from real_programs import needed, needed_file, running
from ui_parts import sound

from jukebox_studio.session import Session

READER = Path(__file__).with_name("atspi_reader.py")
PATIENCE_SECONDS = 60
MOST_TABS = 150
ROLES_OF_CONTROLS = {
    "push button", "button", "toggle button", "check box", "radio button", "combo box", "text",
    "entry", "spin button", "slider", "list", "list box", "tree", "tree table", "table",
    "menu item", "check menu item", "menu", "page tab", "password text", "push button menu",
}  # fmt: skip
Node = dict[str, Any]


class Reader:
    """Asks `atspi_reader.py`."""

    def __init__(self, process: subprocess.Popen[str], display: str) -> None:
        self._process, self._display = process, display

    def _ask(self, what: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], PATIENCE_SECONDS)[0]:
            raise AssertionError(f"the reader gives no {what}")
        return json.loads(self._process.stdout.readline())

    def nodes(self) -> list[Node]:
        """All that is there, from the application down."""
        found: list[Node] = []
        open_: list[Node] = [tree] if (tree := self._ask("tree")) else []
        while open_:
            node = open_.pop()
            found.append(node)
            open_ += reversed(node["below"])
        return found

    def events(self) -> list[Node]:
        return list(self._ask("events"))

    def wait_for_event(self, is_it: Callable[[Node], bool]) -> Node:
        seen: list[Node] = []
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            seen += self.events()
            for event in seen:
                if is_it(event):
                    return event
            time.sleep(0.1)
        raise AssertionError(f"not told; but: {seen}")

    def press(self, key: str) -> None:
        subprocess.run(
            ["xdotool", "key", "--clearmodifiers", key],
            env=os.environ | {"DISPLAY": self._display},
            check=True,
        )


@contextlib.contextmanager
def bus(environment: dict[str, str]) -> Iterator[str]:
    """A session bus of its own, on which the one of AT-SPI is started when somebody asks."""
    process = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """On the window of a project with a clip, and with a file that is none."""
    needed_for_a_screen()
    needed("xdotool", package="xdotool")
    needed("dbus-daemon", package="dbus-daemon")
    needed_file("/usr/libexec/at-spi-bus-launcher", package="at-spi2-core")
    needed_file("/usr/lib/*/girepository-1.0/Atspi-2.0.typelib", package="gir1.2-atspi-2.0")
    needed_file("/usr/lib/python3/dist-packages/gi/__init__.py", package="python3-gi")
    home = tmp_path_factory.mktemp("home")
    Session.create(home / "song").close()
    clip = sound(home / "beat 120bpm.wav", seconds=4)
    (home / "text.wav").write_text("no sound")
    environment = os.environ | {
        "QT_QPA_PLATFORM": "xcb",
        "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_RUNTIME_DIR": str(home),
        "LANGUAGE": "en",
    }
    with screen() as display, bus(environment | {"DISPLAY": display}) as address:
        environment |= {"DISPLAY": display, "DBUS_SESSION_BUS_ADDRESS": address}
        window = (sys.executable, "-c", "from jukebox_studio.cli import main; main()", "window")
        paths = (str(home / "song"), str(clip), str(home / "text.wav"))
        process = subprocess.Popen(
            ["/usr/bin/python3", str(READER), "Jukebox Studio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            made = Reader(process, display)
            with running(*window, *paths, environment=environment) as program:
                end = time.monotonic() + PATIENCE_SECONDS
                while not any("beat 120bpm" in node["name"] for node in made.nodes()):
                    assert time.monotonic() < end, "the window does not show its clip"
                    assert program.poll() is None, "the window has ended"
                    time.sleep(0.3)
                yield made
        finally:
            process.kill()
            process.wait()


def test_every_control_has_a_name_and_a_role(reader: Reader) -> None:
    nodes = reader.nodes()
    controls = [n for n in nodes if n["role"] in ROLES_OF_CONTROLS or n["is_focusable"]]
    shown = [n for n in controls if n["is_shown"]]
    assert len(shown) > 60
    nameless = [n for n in controls if not n["name"].strip() and (n["is_focusable"] or n["acts"])]
    assert [{**n, "below": len(n["below"])} for n in nameless] == []
    assert {"push button", "check box", "combo box", "spin button", "list", "list item"} <= {
        n["role"] for n in shown
    }
    assert [n["name"] for n in shown if n["role"] in ("unknown", "invalid")] == []
    # What stands beside a control for those who see, and what it is for.
    assert [n["name"] for n in shown if n["role"] == "combo box" and not n["description"]] == []


def test_tab_leads_through_every_part_of_the_window(reader: Reader) -> None:
    reader.events()
    seen: list[str] = []
    for _ in range(MOST_TABS):
        reader.press("Tab")
        told = reader.wait_for_event(is_focus)
        if seen and told["name"] == seen[0]:
            break
        seen.append(told["name"])
    assert set(seen) >= {
        "Clips",
        "Tempo of the clip",
        "Search variants",
        "Undo",
        "Timeline",
        "Continue",
        "Length",
        "Add an artist",
        "Variants",
        "Seed",
        "Licence of the model",
        "Generate",
        "Play",
        "Loop the selection",
        "Engine: The engine is ready, with starter.",
    }
    assert len(seen) < MOST_TABS, "and round again"


def test_what_changes_is_told(reader: Reader) -> None:
    nodes = reader.nodes()
    [message] = [n for n in nodes if n["role"] == "panel" and "is not an audio file" in n["name"]]
    assert message["is_shown"]
    reader.events()
    reader.press("ctrl+s")
    # A screen reader speaks the new description of what has the focus.
    told = reader.wait_for_event(lambda event: "No variant is chosen" in event["description"])
    assert told["kind"] == "object:property-change:accessible-description"
    reader.press("l")
    told = reader.wait_for_event(lambda event: event["name"] == "Loop the selection")
    assert (told["kind"], told["on"]) == ("object:state-changed:checked", 1)
    reader.press("l")
    told = reader.wait_for_event(
        lambda event: event["name"] == "Loop the selection" and not event["on"]
    )
    reader.press("p")
    told = reader.wait_for_event(lambda event: event["name"] == "Engine: The queue is paused.")
    assert told["kind"] == "object:property-change:accessible-name"


def is_focus(event: Node) -> bool:
    return event["kind"] == "object:state-changed:focused" and event["on"] == 1
