"""The scripts for Ardour, put together from the Lua beside this file and the protocol's table."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from bridge.protocol import lua_constants

PREFIX = "Jukebox Studio: "


@dataclass(frozen=True)
class Script:
    """One script. `chunk` is Lua that returns what Ardour calls."""

    name: str
    file_name: str
    about: str
    entry: str
    is_hook: bool = False


SCRIPTS = (
    Script(
        f"{PREFIX}Send",
        "jukebox_studio_send.lua",
        "Sends the selected regions to Jukebox Studio.",
        "sending (false)",
    ),
    Script(
        f"{PREFIX}Send with effects",
        "jukebox_studio_send_bounced.lua",
        "Bounces the selected regions with their tracks' effects and sends them to Jukebox Studio.",
        "sending (true)",
    ),
    Script(
        f"{PREFIX}Insert",
        "jukebox_studio_insert.lua",
        "Inserts what Jukebox Studio made, once a second.",
        "listening ()",
        is_hook=True,
    ),
)


def chunk(script: Script, configuration: Path, sent: Path, version: str) -> str:
    """The Lua that Ardour calls to get the script's function.

    configuration: the program's folder with token and `bridge.json`. sent: where sound goes that
    is made to be sent. version: Ardour's.
    """
    lua = files("bridge.daws")
    constants = {"configuration": str(configuration), "sent": str(sent), "version": version}
    parts = [f"local {name} = {lua_text(value)}" for name, value in constants.items()]
    parts += [f"local protocol = (function ()\n{lua_constants()}end) ()"]
    parts += [
        (lua / name).read_text(encoding="utf-8") for name in ("common.lua", "ardour/ardour.lua")
    ]
    return "\n".join([*parts, f"return {script.entry}", ""])


def source(script: Script, chunk: str) -> str:
    """The whole script file, as Ardour's script manager reads it."""
    kind = "EditorHook" if script.is_hook else "EditorAction"
    head = (
        f'ardour {{ ["type"] = "{kind}", name = {lua_text(script.name)}, license = "GPL", '
        f'author = "Jukebox Studio", description = {lua_text(script.about)} }}\n'
    )
    if script.is_hook:
        head += (
            "function signals ()\n"
            "  return LuaSignal.Set ():add ({ [LuaSignal.LuaTimerS] = true })\n"
            "end\n"
        )
    return f"{head}function factory ()\n{chunk}end\n"


def lua_text(text: str) -> str:
    """`text` as a literal of Lua, byte for byte."""
    return '"' + "".join(_letter(byte) for byte in text.encode()) + '"'


def _letter(byte: int) -> str:
    plain = 32 <= byte < 127 and chr(byte) not in '"\\'
    return chr(byte) if plain else f"\\{byte:03d}"
