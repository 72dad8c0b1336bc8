"""Ardour's file of registered scripts, `ui_scripts`: ours added to the user's and taken out. Pure.

It is XML of two parts. `ActionScript` holds one text, base64 of Lua assignments that build the
table `scripts`, an entry for each of the script manager's slots. `ActionHooks` holds an element for
each hook, with such a text of its own and a string of bits that says which signals it hears.
"""

from __future__ import annotations

import base64
import binascii
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.daws.ardour.scripts import PREFIX, lua_text
from jukebox_studio.errors import JukeboxError

MOST_SLOTS = 32
"""Ardour shows no more."""
LUA = "Lua 5.3"

# Of the once-a-second timer among Ardour 7.3's signals (gtk2_ardour/luasignal_syms.h).
TIMER_SIGNAL = 46

_TEXT = rb'"(?:[^"\\]|\\.)*"'
_ASSIGNMENT = re.compile(
    rb"\s*scripts((?:\[(?:\d+|" + _TEXT + rb")\])*) = "
    rb"(\{\}|true|false|nil|" + _TEXT + rb"|[-+.\w]+)",
    re.DOTALL,
)
_SLOT = re.compile(rb"\[(\d+)\]")


@dataclass(frozen=True)
class Entry:
    """A script as it is registered: its whole source, and the chunk of it that Ardour calls."""

    name: str
    source: str
    chunk: str


def added(old: bytes | None, actions: Sequence[Entry], hooks: Sequence[Entry]) -> bytes:
    """The file with our scripts, whatever it had of ours before; None where there is no file.

    Raises JukeboxError where it cannot be read or has no room.
    """
    root = _read(removed(old)) if old is not None else ElementTree.Element("UIScripts")
    element = _child(root, "ActionScript")
    element.set("lua", LUA)
    slots = _slots(element)
    free = (number for number in range(1, MOST_SLOTS + 1) if number not in slots)
    for entry in actions:
        number = next(free, None)
        if number is None:
            raise JukeboxError(
                f"All {MOST_SLOTS} places of Ardour's script manager are taken; remove a script "
                "there (Edit > Lua Scripts), quit Ardour and install again."
            )
        slots[number] = _assignments(f"scripts[{number}]", entry)
    element.text = _encoded(b"scripts = {} " + b" ".join(slots[n] for n in sorted(slots)))
    hooks_element = _child(root, "ActionHooks")
    for number, entry in enumerate(hooks):
        added_hook = ElementTree.SubElement(hooks_element, "LuaCallback")
        # Ardour's own ids count from 1 in each session file.
        hook_id = str(2**62 + number)
        attributes = {"lua": LUA, "id": hook_id, "name": entry.name}
        attributes["signals"] = "1" + "0" * TIMER_SIGNAL
        added_hook.attrib.update(attributes)
        added_hook.text = _encoded(_assignments("s", entry))
    return _written(root)


def removed(old: bytes) -> bytes:
    """The file without our scripts; JukeboxError where it cannot be read."""
    root = _read(old)
    element = root.find("ActionScript")
    if element is not None:
        ours = rb'\["n"\] = "' + re.escape(PREFIX.encode())
        kept = [text for _, text in sorted(_slots(element).items()) if not re.search(ours, text)]
        element.text = _encoded(b"scripts = {} " + b" ".join(kept))
    hooks = root.find("ActionHooks")
    for hook in list(hooks) if hooks is not None else []:
        if hook.get("name", "").startswith(PREFIX):
            assert hooks is not None
            hooks.remove(hook)
    return _written(root)


def names(content: bytes) -> list[str]:
    """Of our scripts that are registered; JukeboxError where the file cannot be read."""
    root = _read(content)
    element = root.find("ActionScript")
    pattern = re.compile(rb'\["n"\] = "(' + re.escape(PREFIX.encode()) + rb'[^"]*)"')
    found = []
    for text in _slots(element).values() if element is not None else ():
        found += [match.decode("utf-8", "replace") for match in pattern.findall(text)]
    hooks = root.findall("ActionHooks/LuaCallback")
    return found + [name for hook in hooks if (name := hook.get("name", "")).startswith(PREFIX)]


def _read(content: bytes) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise _unreadable(str(error)) from error
    if root.tag != "UIScripts":
        raise _unreadable(f"it holds {root.tag!r}")
    return root


def _slots(element: ElementTree.Element) -> dict[int, bytes]:
    """The assignments of each slot, as they are."""
    try:
        lua = base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unreadable(str(error)) from error
    slots: dict[int, list[bytes]] = {}
    at = 0
    while lua[at:].strip():
        match = _ASSIGNMENT.match(lua, at)
        if match is None:
            raise _unreadable(f"its scripts are not understood from byte {at:,} on")
        slot = _SLOT.match(match[1])
        if slot is not None:
            slots.setdefault(int(slot[1]), []).append(match[0].strip())
        at = match.end()
    return {number: b" ".join(texts) for number, texts in slots.items()}


def _assignments(table: str, entry: Entry) -> bytes:
    values = {"n": entry.name, "s": entry.source, "f": entry.chunk}
    texts = [f"{table} = {{}}"]
    texts += [f'{table}["{key}"] = {lua_text(value)}' for key, value in values.items()]
    texts.append(f'{table}["a"] = {{}}')
    return " ".join(texts).encode()


def _encoded(lua: bytes) -> str:
    return base64.b64encode(lua).decode()


def _child(root: ElementTree.Element, tag: str) -> ElementTree.Element:
    found = root.find(tag)
    return ElementTree.SubElement(root, tag) if found is None else found


def _written(root: ElementTree.Element) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root) + b"\n"


def _unreadable(why: str) -> JukeboxError:
    return JukeboxError(
        f"Ardour's file ui_scripts cannot be read ({why}). Move it away, and register your own "
        "scripts again in Ardour, or add ours by hand (docs/daws/ardour.md)."
    )
