"""What a screen reader gets to know of a program, for test_screen_reader.py.

Runs on the system's Python, which has AT-SPI's library. A line `tree` prints what is on the screen
as JSON; a line `events` what was told since the last such line.
"""

import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

NAME = sys.argv[1]
KINDS = (
    "object:state-changed:focused",
    "object:state-changed:checked",
    "object:property-change:accessible-name",
    "object:property-change:accessible-description",
)
told = []


def application():
    desktop = Atspi.get_desktop(0)
    for place in range(desktop.get_child_count()):
        found = desktop.get_child_at_index(place)
        if found is not None and found.get_name() == NAME:
            return found
    return None


def described(node):
    states = node.get_state_set()
    has = states.contains
    return {
        "name": node.get_name(),
        "description": node.get_description(),
        "role": node.get_role_name(),
        "is_shown": has(Atspi.StateType.SHOWING),
        "is_focusable": has(Atspi.StateType.FOCUSABLE),
        "is_checked": has(Atspi.StateType.CHECKED),
        "acts": node.get_action_iface() is not None,
        "below": [
            described(child)
            for child in (node.get_child_at_index(i) for i in range(node.get_child_count()))
            if child is not None
        ],
    }


def above(node):
    names = []
    while node is not None and node.get_role() != Atspi.Role.APPLICATION:
        names.append(node.get_name())
        node = node.get_parent()
    return names


def hear(event):
    try:
        if event.source.get_application().get_name() != NAME:
            return
        told.append(
            {
                "kind": event.type,
                "on": event.detail1,
                "name": event.source.get_name(),
                "description": event.source.get_description(),
                "role": event.source.get_role_name(),
                "above": above(event.source),
            }
        )
    except GLib.Error:
        pass  # it is gone already


def obey(stream, _):
    line = stream.readline().strip()
    if not line:
        Atspi.event_quit()
        return False
    if line == "tree":
        try:
            found = application()
            if found is not None:
                found.clear_cache()
            answer = described(found) if found is not None else None
        except GLib.Error:
            answer = None  # something went while it was looked at
    else:
        answer = list(told)
        told.clear()
    print(json.dumps(answer), flush=True)
    return True


listener = Atspi.EventListener.new(hear)
for kind in KINDS:
    listener.register(kind)
GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, obey)
Atspi.event_main()
