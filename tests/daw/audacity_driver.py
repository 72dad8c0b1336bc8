"""Real Audacity on a screen of its own, told what to do by mod-script-pipe."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from daw.desk import (
    PATIENCE_SECONDS,
    Musician,
    needed_for_a_screen,
    screen,
    screenshot,
    wait_for,
)
from real_programs import needed, running

# Audacity's own choice, one pair for a user; the module has no other.
_TO = Path(f"/tmp/audacity_script_pipe.to.{os.getuid()}")
_FROM = Path(f"/tmp/audacity_script_pipe.from.{os.getuid()}")
_MODULES = ("/usr/lib/audacity/modules", "/usr/lib/x86_64-linux-gnu/audacity/modules")
_DONE = "BatchCommand finished: "

# The last line: WAV files with 32-bit numbers, which hold Audacity's own samples as they are.
_CONFIGURATION = """PrefsVersion=1.1.1r1
[Version]
Major=3
Minor=2
Micro=4
[Module]
mod-script-pipe=1
[ModulePath]
mod-script-pipe={module}
[ModuleDateTime]
mod-script-pipe={time}
[GUI]
ShowSplashScreen=0
[FileFormats/ExportFormat_SF1_Type]
WAV_10000=6
"""


def needed_for_audacity() -> None:
    needed("audacity", package="audacity")
    needed("xdotool", package="xdotool")
    needed_for_a_screen()


def _module() -> Path:
    found = [path for folder in _MODULES for path in Path(folder).glob("mod-script-pipe.so")]
    if not found:
        pytest.skip("this Audacity has no mod-script-pipe")
    return found[0]


class Audacity:
    """A running Audacity with an empty project."""

    def __init__(self, display: str) -> None:
        self.display = display
        self._to = os.open(_TO, os.O_RDWR)
        self._from = os.open(_FROM, os.O_RDONLY)

    def close(self) -> None:
        os.close(self._to)
        os.close(self._from)

    def do(self, command: str, **values: object) -> str:
        """What a scripting command says, as in Audacity's manual; it must end well."""
        told = " ".join(f'{name}="{value}"' for name, value in values.items())
        os.write(self._to, f"{command}: {told}\n".encode())
        answer = ""
        while not (_DONE in answer and answer.endswith("\n\n")):
            ready, _, _ = select.select([self._from], [], [], PATIENCE_SECONDS)
            assert ready, f"Audacity does not answer to {command}"
            part = os.read(self._from, 65_536)
            assert part, f"Audacity ended at {command}"
            answer += part.decode()
        said, _, end = answer.partition(_DONE)
        assert end.strip() == "OK", answer
        return said.strip()

    def info(self, kind: str) -> list[dict[str, Any]]:
        """`Tracks` or `Clips`, with times in seconds."""
        told: list[dict[str, Any]] = json.loads(self.do("GetInfo", Type=kind, Format="JSON"))
        return told

    def select(self, track: int, start_seconds: float, end_seconds: float) -> None:
        self.do("SelectTime", Start=start_seconds, End=end_seconds, RelativeTo="ProjectStart")
        self.do("SelectTracks", Track=track, TrackCount=1, Mode="Set")

    def export(self, path: Path, channels: int) -> Path:
        """The selection, into a file."""
        self.do("Export2", Filename=path, NumChannels=channels)
        return path

    def screenshot(self, name: str) -> None:
        screenshot(self.display, name)


@contextlib.contextmanager
def audacity(musician: Musician) -> Iterator[Audacity]:
    module = _module()
    changed = datetime.fromtimestamp(int(module.stat().st_mtime)).isoformat()
    configuration = _CONFIGURATION.format(module=module, time=changed)
    with screen() as display:
        # TMPDIR: else a second Audacity of the same user only wakes up the first.
        environment = musician.environment | {"DISPLAY": display, "TMPDIR": str(musician.folder)}
        # At its first start it looks for plug-ins with a second process, which loads the module too
        # and replaces the pipes of the first.
        with _started(musician, configuration, environment):
            pass
        with _started(musician, configuration, environment):
            wait_for("the pipes of Audacity", lambda: _TO.exists() and _FROM.exists())
            driver = Audacity(display)
            try:
                yield driver
            finally:
                driver.close()


@contextlib.contextmanager
def _started(musician: Musician, configuration: str, environment: dict[str, str]) -> Iterator[None]:
    # As if it had never been killed: else it asks whether to rescue a project.
    for project in musician.folder.glob("audacity-*"):
        shutil.rmtree(project)
    folder = musician.folder / ".config" / "audacity"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audacity.cfg").write_text(configuration, encoding="utf-8")
    for pipe in (_TO, _FROM):
        pipe.unlink(missing_ok=True)
    command = [
        "xdotool",
        "search",
        "--onlyvisible",
        "--name",
        "^Audacity$",
    ]  # not "Audacity is starting up..."
    with running("audacity", environment=environment) as process:

        def shows() -> bool:
            assert process.poll() is None, "Audacity ended"
            look = subprocess.run(command, env=environment, capture_output=True, check=False)
            return look.returncode == 0

        wait_for("the window of Audacity", shows)
        yield
