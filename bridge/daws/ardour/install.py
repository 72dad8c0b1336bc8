"""Puts the scripts into Ardour's configuration folder and registers them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.daws.ardour.scripts import SCRIPTS, chunk, source
from bridge.daws.ardour.ui_scripts import Entry, added, removed
from bridge.daws.install import Plan, program_runs, sent_folder
from bridge.token import configuration_folder
from jukebox_studio.errors import JukeboxError

MAJOR = 7
REGISTERED_IN = "7.3"
"""The version whose file of registered scripts is known; others get the script files only."""

NAMES = r"ardour(-\d.*|\d*)"
"""Of its process."""

_PROGRAMS = {
    "darwin": ("/Applications/Ardour7.app/Contents/MacOS/Ardour7",),
    "win32": (r"C:\Program Files\Ardour7\bin\Ardour.exe",),
}


@dataclass(frozen=True)
class ArdourInstaller:
    """Ardour 7.

    folder: Ardour's own, where it keeps its configuration. version: finds "7.3.0", or "" where
    there is none. is_running: whether Ardour runs for this user.
    """

    folder: Path
    version: Callable[[], str]
    is_running: Callable[[], bool]
    title: str = "Ardour 7"

    @classmethod
    def here(cls) -> ArdourInstaller:
        return cls(configuration(), installed_version, lambda: program_runs(NAMES))

    def install(self) -> Plan:
        version = self.version()
        if not version:
            raise JukeboxError("Ardour is not installed, or not on the PATH; install Ardour 7.")
        if version.split(".")[0] != str(MAJOR):
            raise JukeboxError(
                f"This is Ardour {version}; the scripts are for Ardour {MAJOR}, tried with "
                f"{REGISTERED_IN}. Drag and drop works with every version."
            )
        self._refuse_while_running()
        entries, own = {}, {}
        for script in SCRIPTS:
            lua = chunk(script, configuration_folder(), sent_folder(), version)
            entries[script] = Entry(script.name, source(script, lua), lua)
            own[self.folder / "scripts" / script.file_name] = entries[script].source.encode()
        if not f"{version}.".startswith(f"{REGISTERED_IN}."):
            note = (
                f"In Ardour {version}, add the scripts yourself: Edit > Lua Scripts > Script "
                "Manager; the two that send as actions, the one that inserts as a hook."
            )
            return Plan(own, notes=(note,))
        registered = added(
            self._registered(),
            [entry for script, entry in entries.items() if not script.is_hook],
            [entry for script, entry in entries.items() if script.is_hook],
        )
        note = (
            "Start Ardour: the scripts are in Edit > Lua Scripts. Give them keys in Window > "
            "Keyboard Shortcuts."
        )
        return Plan(own, {self.folder / "ui_scripts": registered}, (note,))

    def remove(self) -> Plan:
        self._refuse_while_running()
        old = self._registered()
        return Plan(shared={} if old is None else {self.folder / "ui_scripts": removed(old)})

    def _registered(self) -> bytes | None:
        path = self.folder / "ui_scripts"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise JukeboxError(f"{path} cannot be read: {error.strerror or error}.") from error

    def _refuse_while_running(self) -> None:
        if self.is_running():
            raise JukeboxError(
                "Ardour is running, and would write over what is changed now; quit it first."
            )


def configuration() -> Path:
    """Ardour 7's own folder."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Preferences" / f"Ardour{MAJOR}"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / f"Ardour{MAJOR}"
    named = os.environ.get("XDG_CONFIG_HOME")
    return (Path(named) if named else Path.home() / ".config") / f"ardour{MAJOR}"


def installed_version() -> str:
    """As `ardour --version` says: "7.3.0"; empty where there is none."""
    names = (f"ardour{MAJOR}", "ardour", f"Ardour{MAJOR}", *_PROGRAMS.get(sys.platform, ()))
    for name in names:
        program = shutil.which(name)
        if program is None:
            continue
        try:
            told = subprocess.run(
                [program, "--version"], capture_output=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        found = re.search(rb"Ardour ?(\d+\.\d+(?:\.\d+)*)", told.stdout + told.stderr)
        if found:
            return found[1].decode()
    return ""
