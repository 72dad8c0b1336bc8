"""A musician's hand and eyes: keys and mouse by xdotool, and what is on the screen."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass

import numpy as np
from daw.desk import PATIENCE_SECONDS, needed_for_a_screen, wait_for
from real_programs import needed

STEP_SECONDS = 0.03
STEPS = 25
"""Of a drag: a program looks where a drag is only when it moves, and needs to see where it goes."""


def needed_for_hand() -> None:
    needed("xdotool", package="xdotool")
    needed("wmctrl", package="wmctrl")
    needed_for_a_screen()


@dataclass(frozen=True)
class Area:
    """On the screen, in pixels, without a frame."""

    left: int
    top: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.left + self.width // 2, self.top + self.height // 2


class Hand:
    def __init__(self, display: str) -> None:
        self._environment = os.environ | {"DISPLAY": display}

    def _run(self, *command: str) -> bytes:
        # Without a look at the exit code: a window may not be there yet.
        return subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        ).stdout

    def xdotool(self, *arguments: object) -> str:
        return self._run("xdotool", *map(str, arguments)).decode()

    # Windows

    def window(self, title: str) -> str:
        """The id of the window with that in its title, once it is there."""
        found: list[str] = []

        def is_there() -> bool:
            lines = self._run("wmctrl", "-l").decode().splitlines()
            found[:] = [line.split()[0] for line in lines if title in line.split(None, 3)[-1]]
            return bool(found)

        wait_for(f"a window {title!r}", is_there)
        return found[0]

    def area(self, window: str) -> Area:
        told = self.xdotool("getwindowgeometry", "--shell", int(window, 16))
        values = dict(line.split("=") for line in told.splitlines())
        return Area(*(int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT")))

    def place(self, window: str, left: int, top: int, width: int, height: int) -> None:
        """Its frame's corner, and its own size, as far as it lets itself be made so small."""
        self._run("wmctrl", "-i", "-r", window, "-e", f"0,{left},{top},{width},{height}")
        before = None
        # The window manager answers when it likes.
        while before != (before := self.area(window)) or before.left > left + 40:
            time.sleep(0.5)

    def to_front(self, window: str) -> None:
        def is_in_front() -> bool:
            self._run("wmctrl", "-i", "-a", window)
            time.sleep(0.2)
            return int(self.xdotool("getactivewindow") or 0) == int(window, 16)

        wait_for("a window in front", is_in_front)

    # Keys and mouse

    def press(self, *keys: str) -> None:
        for key in keys:
            self.xdotool("key", "--clearmodifiers", key)

    def type(self, text: str) -> None:
        self.xdotool("type", text)

    def click(self, x: int, y: int) -> None:
        self.xdotool("mousemove", x, y, "sleep", 0.2, "click", 1)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press, move in steps, rest where it is to be dropped, let go."""
        self.xdotool("mousemove", *start, "sleep", 0.2, "mousedown", 1, "sleep", 0.2)
        for step in range(1, STEPS + 1):
            place = (round(a + (b - a) * step / STEPS) for a, b in zip(start, end, strict=True))
            self.xdotool("mousemove", *place, "sleep", STEP_SECONDS)
        # What lies under a drag answers each move; it must have answered the last one.
        for aside in (2, 0, 2, 0):
            self.xdotool("mousemove", end[0] + aside, end[1], "sleep", 0.2)
        self.xdotool("mouseup", 1)

    # Eyes

    def picture(self, area: Area) -> np.ndarray:
        """uint8[height, width, 3]"""
        size = f"{area.width}x{area.height}+{area.left}+{area.top}"
        pixels = self._run("import", "-window", "root", "-crop", size, "-depth", "8", "rgb:-")
        return np.frombuffer(pixels, np.uint8).reshape(area.height, area.width, 3)

    def upright(self, area: Area, color: str, at_least_px: int) -> tuple[int, int]:
        """Where on the screen the first upright line of a colour is: its x, and its middle's y."""
        wanted = np.frombuffer(bytes.fromhex(color.removeprefix("#")), np.uint8)
        is_color = (self.picture(area) == wanted).all(axis=2)
        run = np.zeros(area.width, int)
        for y, row in enumerate(is_color):
            ended = np.flatnonzero((run >= at_least_px) & ~row)
            if len(ended):
                x = int(ended[0])
                return area.left + x, area.top + y - int(run[x]) // 2
            run = np.where(row, run + 1, 0)
        raise AssertionError(f"no line of {color} in {area}")
