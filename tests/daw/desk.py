"""What tests of any real DAW need: a home folder, a screen that nobody sees, patience."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from real_programs import needed, running

PATIENCE_SECONDS = 600
"""For what takes a second on a machine with nothing else to do."""


def needed_for_a_screen() -> None:
    needed("Xvfb", package="xvfb")
    needed("openbox", package="openbox")
    needed("import", package="imagemagick")


def wait_for(what: str, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"in vain: {what}"
        time.sleep(0.1)


class Musician:
    """Somebody with a home folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "XDG_DATA_HOME": str(self.folder / ".local" / "share"),
            "XDG_STATE_HOME": str(self.folder / ".local" / "state"),
            "OMP_NUM_THREADS": "1",
        }

    def studio(self, *arguments: str) -> str:
        """What a command of the program prints."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("jukebox-studio")), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextlib.contextmanager
def screen(size: str = "1600x900") -> Iterator[str]:
    """A screen that nobody sees, with a window manager; its name."""
    read, write = os.pipe()
    shown = ("-screen", "0", f"{size}x24", "-nolisten", "tcp")
    command = ("Xvfb", "-displayfd", str(write), *shown)
    server = subprocess.Popen(
        command, pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    try:
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        with running("openbox", environment=os.environ | {"DISPLAY": display}):
            yield display
    finally:
        server.terminate()
        server.wait(30)


def screenshot(display: str, name: str) -> None:
    """Kept where $JUKEBOX_TEST_ARTEFACTS says, else in out/daw."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("JUKEBOX_TEST_ARTEFACTS", root / "out" / "daw"))
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"DISPLAY": display}
    command = ["import", "-window", "root", str(folder / f"{name}.png")]
    subprocess.run(command, env=environment, check=True, timeout=PATIENCE_SECONDS)
