"""Puts the remote script into Live's User Library."""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from bridge.daws.install import Plan, program_runs
from bridge.protocol import MESSAGES
from bridge.token import configuration_folder
from jukebox_studio.errors import JukeboxError

SCRIPT = "JukeboxStudio"
"""The folder's name, which is what Live shows."""
MODULES = ("__init__.py", "surface.py", "studio.py", "clips.py", "exchange.py")


@dataclass(frozen=True)
class LiveInstaller:
    """folder: the User Library. is_running: whether Live runs for this user."""

    folder: Path
    is_running: Callable[[], bool]
    title: str = "Ableton Live"

    @classmethod
    def here(cls) -> LiveInstaller:
        name = "live" if sys.platform == "darwin" else "ableton live.*"
        return cls(user_library(), lambda: program_runs(name))

    @property
    def script(self) -> Path:
        return self.folder / "Remote Scripts" / SCRIPT

    def install(self) -> Plan:
        if not self.folder.is_dir():
            raise JukeboxError(
                f"There is no User Library {self.folder}. Live runs on Windows and macOS; start it "
                "once, and see Settings > Library for where its User Library is."
            )
        self._refuse_while_running()
        source = files("bridge.daws.live") / "remote"
        own = {self.script / name: (source / name).read_bytes() for name in MODULES}
        own[self.script / "settings.json"] = settings().encode()
        note = (
            f"Start Live and choose {SCRIPT} in Settings > Link, Tempo & MIDI > Control Surface. "
            "With an input beside it, CC 119 on channel 16 sends the selected clip."
        )
        return Plan(own, notes=(note,))

    def remove(self) -> Plan:
        self._refuse_while_running()
        compiled = self.script / "__pycache__"
        if not compiled.is_dir():
            return Plan()
        return Plan(notes=(f"Live has left compiled files in {compiled}; delete that folder.",))

    def _refuse_while_running(self) -> None:
        if self.is_running():
            raise JukeboxError("Live is running, and has the script open; quit it first.")


def settings() -> str:
    """What the script needs to know, as JSON."""
    messages = {
        kind.name: {
            "address": kind.address,
            "arguments": [(argument.name, argument.kind.value) for argument in kind.arguments],
        }
        for kind in MESSAGES.values()
    }
    told = {"configuration": str(configuration_folder()), "messages": messages}
    return json.dumps(told, indent=1) + "\n"


def user_library() -> Path:
    """As the newest Live has it in its settings, else where Live puts it at first."""
    for configuration in sorted(_library_files(), key=_age, reverse=True):
        chosen = chosen_library(configuration)
        if chosen is not None:
            return chosen
    parent = Path.home() / ("Documents" if sys.platform == "win32" else "Music")
    return parent / "Ableton" / "User Library"


def chosen_library(configuration: Path) -> Path | None:
    """The User Library that a Library.cfg of Live's names, if it is there."""
    try:
        library = ElementTree.parse(configuration).getroot().find(".//UserLibrary")
    except (OSError, ElementTree.ParseError):
        return None
    if library is None:
        return None
    path, name = library.find(".//ProjectPath"), library.find(".//ProjectName")
    if path is None:
        return None
    folder = Path(path.get("Value", ""))
    named = folder / ("User Library" if name is None else name.get("Value", "User Library"))
    return next((candidate for candidate in (named, folder) if candidate.is_dir()), None)


def _library_files() -> Iterable[Path]:
    if sys.platform == "darwin":
        preferences = Path.home() / "Library" / "Preferences" / "Ableton"
        return preferences.glob("Live */Library.cfg")
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
        return (roaming / "Ableton").glob("Live */Preferences/Library.cfg")
    return ()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
