"""Puts the scripts into REAPER's resource folder and has it load them when it starts."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from bridge.daws.ardour.scripts import lua_text
from bridge.daws.install import Plan
from bridge.protocol import lua_constants
from bridge.token import configuration_folder
from jukebox_studio.errors import JukeboxError

FOLDER = "Jukebox Studio"
INSERT = "jukebox_studio_insert.lua"
SCRIPTS = {
    "jukebox_studio_send.lua": "sending (false)",
    "jukebox_studio_send_glued.lua": "sending (true)",
    INSERT: "listening ()",
}

# REAPER runs Scripts/__startup.lua when it starts; between these lines it is ours.
BEGIN, END = "-- Jukebox Studio: begin", "-- Jukebox Studio: end"
_STARTUP = """\
do
  local folder = reaper.GetResourcePath () .. "/Scripts/{folder}/"
  for _, name in ipairs {{ {names} }} do
    reaper.AddRemoveReaScript (true, 0, folder .. name, true)
  end
  dofile (folder .. "{insert}")
end
"""


@dataclass(frozen=True)
class ReaperInstaller:
    """folder: REAPER's resource folder."""

    folder: Path
    title: str = "REAPER"

    @classmethod
    def here(cls) -> ReaperInstaller:
        return cls(resource_folder())

    def install(self) -> Plan:
        if not self.folder.is_dir():
            raise JukeboxError(
                f"There is no folder {self.folder}, so REAPER was never started here; start it "
                "once. A portable REAPER needs the scripts by hand: docs/daws/reaper.md."
            )
        own = {
            self.folder / "Scripts" / FOLDER / name: script(entry).encode()
            for name, entry in SCRIPTS.items()
        }
        names = ", ".join(f'"{name}"' for name in SCRIPTS)
        ours = _STARTUP.format(folder=FOLDER, names=names, insert=INSERT)
        startup = f"{BEGIN}\n{ours}{END}\n"
        kept = without_ours(self._startup())
        if kept and not kept.endswith("\n"):
            kept += "\n"
        note = "Start REAPER anew: the actions begin with 'Script: jukebox_studio' (press ?)."
        return Plan(own, {self._startup_path: (kept + startup).encode()}, (note,))

    def remove(self) -> Plan:
        startup = self._startup()
        if BEGIN not in startup:
            return Plan()
        return Plan(shared={self._startup_path: without_ours(startup).encode()})

    @property
    def _startup_path(self) -> Path:
        return self.folder / "Scripts" / "__startup.lua"

    def _startup(self) -> str:
        try:
            return self._startup_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise JukeboxError(f"{self._startup_path} cannot be read: {error}.") from error


def script(entry: str) -> str:
    """A whole script that ends by calling `entry`."""
    lua = files("bridge.daws")
    parts = [
        f"local configuration = {lua_text(str(configuration_folder()))}",
        f"local protocol = (function ()\n{lua_constants()}end) ()",
        *((lua / name).read_text(encoding="utf-8") for name in ("common.lua", "reaper/reaper.lua")),
        entry,
    ]
    return "\n".join([*parts, ""])


def without_ours(startup: str) -> str:
    """The startup script without our lines; JukeboxError where their end is missing."""
    before, begin, rest = startup.partition(f"{BEGIN}\n")
    if not begin:
        return startup
    _, end, after = rest.partition(f"{END}\n")
    if not end:
        raise JukeboxError(
            f"In REAPER's __startup.lua the line {END!r} is missing after {BEGIN!r}; put it back "
            "or delete what is ours."
        )
    return before + after


def resource_folder() -> Path:
    """Where REAPER keeps its configuration, if it is not a portable one."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "REAPER"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "REAPER"
    named = os.environ.get("XDG_CONFIG_HOME")
    return (Path(named) if named else Path.home() / ".config") / "REAPER"
