"""Undo of the panel's settings, in its turn with that of the session."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ui.draft import Draft
from ui.draft_history import GESTURE_SECONDS, DraftHistory


class Panel:
    """A draft with its history, a clock, and how far the session has come."""

    def __init__(self) -> None:
        self.draft, self.seconds = Draft(), 0.0
        self.history = DraftHistory(self.draft, lambda: self.seconds)

    def set(self, change: int = 0, **values: object) -> None:
        self.draft = replace(self.draft, **values)  # type: ignore[arg-type]
        self.history.note(self.draft, change)

    def wait(self) -> None:
        self.seconds += 2 * GESTURE_SECONDS

    def undo(self, change: int = 0, redoable: int = 0) -> bool:
        values = self.history.undo(change, redoable)
        self.draft = replace(self.draft, **(values or {}))
        return values is not None

    def redo(self, change: int = 0, redoable: int = 0) -> bool:
        values = self.history.redo(change, redoable)
        self.draft = replace(self.draft, **(values or {}))
        return values is not None


def test_a_knobs_way_is_one_step() -> None:
    panel = Panel()
    for percent in range(100):
        panel.set(keep_restyle=percent / 100)
        panel.seconds += 0.02
    panel.set(variants=9)  # another setting is another step, however soon
    panel.wait()
    panel.set(keep_restyle=0.5)
    assert panel.undo()
    assert panel.draft.keep_restyle == 0.99
    assert panel.undo()
    assert panel.draft.variants == Draft().variants
    assert panel.undo()
    assert panel.draft == Draft()
    assert not panel.undo()
    for _ in range(3):
        assert panel.redo()
    assert (panel.draft.keep_restyle, panel.draft.variants) == (0.5, 9)
    assert not panel.redo()


def test_steps_and_changes_of_the_session_take_turns() -> None:
    panel = Panel()
    panel.set(0, variants=2)
    panel.set(7, variants=3)  # after change 7 of the session
    assert panel.undo(7, 0)
    assert not panel.undo(7, 0)  # now it is the session's turn
    assert panel.undo(0, 7)
    assert panel.draft == Draft()
    assert panel.redo(0, 7)
    assert not panel.redo(0, 7)  # the session's
    assert panel.redo(7, 0)
    assert panel.draft.variants == 3


def test_what_was_undone_is_gone_once_the_session_went_another_way() -> None:
    panel = Panel()
    panel.set(1, variants=2)
    panel.undo(1, 0)
    # Change 2 was made and undone: redo means that one.
    assert not panel.redo(1, 2)
    panel.set(1, variants=5)
    assert not panel.redo(1, 0)


def test_a_seed_is_a_setting_only_when_it_is_locked() -> None:
    panel = Panel()
    panel.set(seed=1)
    panel.set(seed=2, words_there="of the clip", spans_seconds=((0.0, 1.0),))
    assert not panel.history.undoable(0)
    panel.set(seed=3, seed_locked=True)
    assert panel.history.undoable(0) == {"seed", "seed_locked"}


@given(st.lists(st.tuples(st.sampled_from(["variants", "width"]), st.integers(1, 4)), max_size=8))
def test_undoing_all_and_redoing_all(steps: list[tuple[str, int]]) -> None:
    panel = Panel()
    for name, value in steps:
        panel.wait()
        panel.set(**{name: value})
    end = panel.draft
    while panel.undo():
        pass
    assert panel.draft == Draft()
    while panel.redo():
        pass
    assert panel.draft == end
