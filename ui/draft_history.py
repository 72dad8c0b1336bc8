"""Undo for what the request panel holds, woven into the undo of the session. No Qt.

The session undoes changes of the project; this holds the steps between them. Each step knows after
which change of the session it was made, so that both are taken back in the order they were done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ui.draft import Draft

GESTURE_SECONDS = 1.0
"""Changes of the same settings that follow each other so closely are one step: a knob's way."""
MOST_STEPS = 200

# Of the clip or of the timeline, which put them into the panel themselves.
_NOT_OURS = frozenset({"spans_seconds", "words_before", "words_there", "words_after"})


@dataclass
class _Step:
    change: int
    """Of the session, after which it was made."""
    before: dict[str, Any]
    after: dict[str, Any]
    redoable: int = 0
    """What the session could have redone when this was undone: where that differs, the session
    has gone on and this is history."""


class DraftHistory:
    """Steps of a draft. `change` and `redoable` are ids of the session's changes, 0 for none."""

    def __init__(self, draft: Draft, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._now = _settings(draft)
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        self._noted_seconds = -GESTURE_SECONDS

    def note(self, draft: Draft, change: int) -> None:
        """The draft as it is after a change by the musician, or by a controller."""
        new = _settings(draft)
        changed = [name for name, value in new.items() if value != self._now[name]]
        before, self._now = self._now, new
        if not changed:
            return
        now = self._clock()
        goes_on = now - self._noted_seconds < GESTURE_SECONDS and not self._undone
        self._noted_seconds = now
        self._undone.clear()
        after = {name: new[name] for name in changed}
        last = self._done[-1] if self._done else None
        if goes_on and last and last.change == change and last.after.keys() == after.keys():
            last.after = after
            return
        self._done.append(_Step(change, {name: before[name] for name in changed}, after))
        del self._done[:-MOST_STEPS]

    def undoable(self, change: int) -> frozenset[str]:
        """The fields of the draft that `undo` would set back; none where it is not its turn."""
        step = self._done[-1] if self._done else None
        return frozenset(step.before) if step and step.change == change else frozenset()

    def redoable(self, change: int, redoable: int) -> frozenset[str]:
        step = self._undone[-1] if self._undone else None
        is_next = step is not None and (step.change, step.redoable) == (change, redoable)
        return frozenset(step.after) if step and is_next else frozenset()

    def undo(self, change: int, redoable: int) -> dict[str, Any] | None:
        """What to set in the draft; None where the session is to undo something first."""
        if not self.undoable(change):
            return None
        step = self._done.pop()
        step.redoable = redoable
        self._undone.append(step)
        return self._gone(step.before)

    def redo(self, change: int, redoable: int) -> dict[str, Any] | None:
        """As `undo`, the other way."""
        if not self.redoable(change, redoable):
            return None
        step = self._undone.pop()
        self._done.append(step)
        return self._gone(step.after)

    def _gone(self, values: dict[str, Any]) -> dict[str, Any]:
        self._now |= values
        self._noted_seconds = -GESTURE_SECONDS  # what comes next is a step of its own
        return values


def _settings(draft: Draft) -> dict[str, Any]:
    """What counts as a setting. A seed that is drawn anew each time is none."""
    values = {f.name: getattr(draft, f.name) for f in fields(draft) if f.name not in _NOT_OURS}
    if not draft.seed_locked:
        values["seed"] = None
    return values
